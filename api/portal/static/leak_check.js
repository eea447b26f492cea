/* Was I in a leak: hides what was typed by multiplying it with a random number, asks, and looks for the answer itself.
   The same sums as vault/oblivious.py and vault/blinding.py, where they are explained; nothing is sent but what they allow. */
"use strict";
(() => {
  const PRIME = 2n ** 255n - 19n;
  const CURVE = 2n ** 252n + 27742317777372353535851937790883648493n;
  const TWIST = 2n ** 253n - 55484635554744707071703875581767296995n;
  const LABEL = 16;
  const SLOT_BITS = 24;
  const MOST_BITS = 16; // more of the hash is told to no server, whatever it asks by

  const mod = (number, by = PRIME) => ((number % by) + by) % by;
  const power = (base, exponent) => {
    let result = 1n;
    for (let b = mod(base), e = exponent; e > 0n; e >>= 1n, b = (b * b) % PRIME) {
      if (e & 1n) result = (result * b) % PRIME;
    }
    return result;
  };
  const inverse = (number, by) => {
    let [a, b, x, y] = [mod(number, by), by, 1n, 0n];
    while (b) [a, b, x, y] = [b, a % b, y, x - (a / b) * y];
    return mod(x, by);
  };
  const times = (scalar, x) => {
    let [x2, z2, x3, z3] = [1n, 0n, x, 1n];
    for (const bit of scalar.toString(2)) {
      if (bit === "1") [x2, z2, x3, z3] = [x3, z3, x2, z2];
      const [a, b] = [x2 + z2, x2 - z2];
      const [c, d] = [(x3 + z3) * b, (x3 - z3) * a];
      [x3, z3] = [mod((c + d) ** 2n), mod(x * mod((c - d) ** 2n))];
      const [aa, bb] = [mod(a * a), mod(b * b)];
      [x2, z2] = [mod(aa * bb), mod((aa - bb) * (aa + 121665n * (aa - bb)))];
      if (bit === "1") [x2, z2, x3, z3] = [x3, z3, x2, z2];
    }
    return mod(x2 * power(z2, PRIME - 2n));
  };

  const utf8 = (text) => new TextEncoder().encode(text);
  const joined = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));
  const hash = async (kind, bytes) => new Uint8Array(await crypto.subtle.digest(kind, bytes));
  const number = (bytes) => [...bytes].reverse().reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const bytes = (value) => Uint8Array.from({ length: 32 }, (_, at) => Number((value >> BigInt(8 * at)) & 255n));
  const packed = (raw) =>
    btoa(String.fromCharCode(...raw)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const unpacked = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));

  const identifier = (kind, value) => joined([1, utf8(kind).length], utf8(kind), utf8(value));
  const pointOf = async (known) => mod(number(await hash("SHA-512", joined(utf8("perusal leak check point\0"), known))));
  const slotOf = async (known) => {
    const [a, b, c] = await hash("SHA-256", joined(utf8("perusal leak check slot\0"), known));
    return (a << 16) | (b << 8) | c;
  };
  const labelOf = async (result, leak) =>
    (await hash("SHA-256", joined(utf8("perusal leak check label\0"), result, utf8(leak)))).slice(0, LABEL);

  const orderOf = (x) => (power(mod(x * x * x + 486662n * x * x + x), (PRIME - 1n) / 2n) === 1n ? CURVE : TWIST);
  const blind = (point, random) => {
    const order = orderOf(point);
    const by = 8n * (1n + mod(number(random), order - 1n));
    return { sent: bytes(times(by, point)), undo: inverse(by, order) };
  };
  const opened = (blinded, answer) => {
    const result = times(blinded.undo, number(answer) & (2n ** 255n - 1n));
    if (answer.length !== 32 || result === 0n) throw new Error("not an answer");
    return bytes(result);
  };

  /* What was typed, in the one form the list knows it by: [kind, value], or null. */
  const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
  const checkOf = (digits) => "10X98765432"[WEIGHTS.reduce((sum, weight, at) => sum + weight * digits[at], 0) % 11];
  const residentId = (plain) => {
    const old = /^[1-9]\d{14}$/.test(plain) ? `${plain.slice(0, 6)}19${plain.slice(6)}` : null;
    const whole = old ? old + checkOf(old) : plain;
    return /^[1-9]\d{16}[\dX]$/.test(whole) && checkOf(whole) === whole[17] ? whole : null;
  };
  const phone = (plain) => {
    const mobile = /^(?:\+?86|0086)?(1[3-9]\d{9})$/.exec(plain);
    if (mobile) return mobile[1];
    const foreign = /^(?:\+|00)([1-9]\d{6,14})$/.exec(plain);
    return foreign ? `+${foreign[1]}` : null;
  };
  const email = (typed) => {
    const [, local, domain] = /^(.*)@(.*)$/s.exec(typed) || [];
    if (!/^[^\s@"(),:;<>[\]\\]{1,64}$/.test(local || "") || !/^[^\s/?#:@\\]+$/.test(domain || "")) return null;
    try {
      const ascii = new URL(`http://${domain}`).hostname.replace(/\.+$/, "");
      return ascii.includes(".") && !/\.\d+$/.test(ascii) ? `${local.toLowerCase()}@${ascii}` : null;
    } catch {
      return null;
    }
  };
  const read = (text) => {
    const typed = text.normalize("NFKC").trim();
    if (typed.includes("@")) {
      const address = email(typed);
      return address && ["email", address];
    }
    const plain = typed.replace(/^'/, "").replace(/[\s\-().\u00b7/\u2010-\u2014_]/g, "").toUpperCase();
    const id = residentId(plain);
    if (id) return ["resident_id", id];
    const called = phone(plain);
    return called && ["phone", called];
  };

  class Refused extends Error {
    constructor(status) {
      super("refused");
      this.status = status;
    }
  }
  const fetched = async (at, options) => {
    const answer = await fetch(at, { ...options, headers: { Accept: "application/json" }, credentials: "omit" });
    if (!answer.ok) throw new Refused(answer.status);
    return answer.json();
  };

  /* The leaks an identifier is in, as [{id, received}]; null while none is told of. Asks twice when the list changes. */
  const ask = async (at, kind, value, again = true) => {
    const list = await fetched(at, {});
    if (!list.leaks.length) return null;
    if (!(list.bits >= 0 && list.bits <= MOST_BITS)) throw new Error("it asks for too much");
    const known = identifier(kind, value);
    const blinded = blind(await pointOf(known), crypto.getRandomValues(new Uint8Array(48)));
    const prefix = (await slotOf(known)) >>> (SLOT_BITS - list.bits);
    const body = { period: list.period, bits: list.bits, prefix, blinded: packed(blinded.sent) };
    let answer;
    try {
      answer = await fetched(at, { method: "POST", body: JSON.stringify(body) });
    } catch (refused) {
      if (again && refused.status === 409) return ask(at, kind, value, false);
      throw refused;
    }
    const result = opened(blinded, unpacked(answer.evaluated));
    const raw = unpacked(answer.labels);
    const labels = new Set();
    for (let from = 0; from < raw.length; from += LABEL) labels.add(packed(raw.slice(from, from + LABEL)));
    const mine = await Promise.all(list.leaks.map(async (one) => labels.has(packed(await labelOf(result, one.id)))));
    return list.leaks.filter((_, which) => mine[which]);
  };

  globalThis.perusalLeakCheck = { ask, bytes, identifier, labelOf, number, opened, pointOf, read, slotOf, times };

  const form = globalThis.document?.getElementById("leak-check");
  if (!form) return;
  const said = document.querySelectorAll("[data-says]");
  const sought = document.getElementById("sought");
  const say = (what) => {
    for (const one of said) one.hidden = one.dataset.says !== what;
    sought.toggleAttribute("aria-invalid", what === "unreadable");
    document.querySelector(`[data-says="${what}"][tabindex]`)?.focus();
  };
  const day = (iso) =>
    new Date(iso).toLocaleDateString(document.documentElement.lang, { dateStyle: "long", timeZone: "UTC" });
  const show = (found) => {
    if (found === null) return say("nothing");
    const list = document.querySelector('[data-says="found"] ul');
    list.replaceChildren(
      ...found.map((one) => {
        const item = document.createElement("li");
        item.textContent = day(one.received);
        return item;
      }),
    );
    return say(found.length ? "found" : "nowhere");
  };
  if (!globalThis.crypto?.subtle || typeof BigInt === "undefined") {
    say("old");
    return;
  }
  const button = form.querySelector("button");
  button.disabled = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const known = read(sought.value);
    if (!known) {
      say("unreadable");
      sought.focus();
      return;
    }
    button.disabled = true;
    say("asking");
    try {
      show(await ask(form.dataset.at, ...known));
    } catch (refused) {
      say(refused.status === 429 ? "often" : "failed");
    } finally {
      button.disabled = false;
    }
  });
})();
