// Runs the page's own script outside a page. Lines of JSON in, lines of JSON out:
// {read: text} is answered {kind, value}; {ask: text} makes it ask, where each of its requests is a line
// {method, body} to be answered {status, body}, and ends with {found}.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import vm from "node:vm";

vm.runInThisContext(readFileSync(process.argv[2], "utf8"));
const check = globalThis.perusalLeakCheck;
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const told = async () => JSON.parse((await lines.next()).value);
const tell = (what) => process.stdout.write(JSON.stringify(what) + "\n");

globalThis.fetch = async (at, { method = "GET", body } = {}) => {
  tell({ at, method, body: body && JSON.parse(body) });
  const answer = await told();
  return { ok: answer.status === 200, status: answer.status, json: async () => answer.body };
};

for await (const line of { [Symbol.asyncIterator]: () => lines }) {
  const wanted = JSON.parse(line);
  const known = check.read(wanted.read ?? wanted.ask);
  if ("read" in wanted) tell(known);
  else {
    try {
      tell({ found: await check.ask("/v1/leak-check", ...known) });
    } catch (error) {
      tell({ error: error.status ?? error.message });
    }
  }
}
