"""The README inside every bundle: how to check it with ordinary tools, in English and Chinese."""

README = """\
WHAT THIS IS
A bundle of proofs from a public log of uses of personal data. It shows that certain entries were in the log
when its operator signed the enclosed checkpoint, and what those entries say. It needs no network to check.

CHECK IT WITH A PROGRAM
    perusal verify BUNDLE.zip                      is the bundle consistent in itself?
    perusal verify --policy policy.txt BUNDLE.zip  and is it the log I know? (your own copy of policy.txt)
Without a policy file of your own, the keys are those the bundle brings along: compare them with the keys the
operator publishes elsewhere before relying on the result.

CHECK IT BY HAND
1. log/<year>/<bucket>/checkpoint is a C2SP signed note: line 1 names the log, line 2 counts its entries, line 3
   is the root hash. The line in the log's name is an Ed25519 signature by its key in policy.txt. Further lines are
   cosignatures: witnesses say that at that time this was the largest tree they had seen, and only ever growing.
   policy.txt names them and says how many there are at least; whom to believe is yours to say. Any
   transparency-log tool reads all of it.
2. <index>.entry holds an entry's exact bytes. Its leaf hash is SHA-256 over one zero byte and these bytes:
       (printf '\\0'; cat <index>.entry) | sha256sum
3. <index>.tlog-proof leads from that leaf hash to the root of the checkpoint (RFC 6962, section 2.1.1).
4. The member "c" of an entry commits to what happened. openings.json shows fields of it. For each shown field
   take SHA-256("ccl/f1" 00 nonce, length of name, name, length of value, value), lengths as four bytes; then
   SHA-256("ccl/c1" 00 and all digests in order) must be "c". A field of which only the digest is there is kept
   back, and cannot be guessed.
5. <index>.jws is the receipt given to the recipient: a JSON Web Signature by a key in keys.json. It names the
   same log, index, leaf hash and commitment.
6. chain.jsonl, where present, lists every entry about this person: each names its number "n" and the leaf hash
   "p" of the one before, so none can be missing in between.
7. index.*, where present, says that these are all, or that there is none. index.entry is an entry of the log
   itself: of the first "u" entries, "m" persons had some, and "r" is the root over one row for each of them.
   index.tlog-proof leads from it to the checkpoint as in 2 and 3, and its index must not be below "u".
   index.row has the person's row, or the two rows between which it would stand (the last or the first where it
   would stand at an end, nothing where "m" is 0), each with its place and path. A row is 64 bytes: tag (16),
   how many entries the tag has (8), leaf hash of the last of them (32), its index (8), big-endian. Rows are
   sorted by tag; a row's leaf hash, SHA-256 over one zero byte and the row, leads to "r" among "m" rows by the
   rule of 3. Then chain.jsonl must count from 1 to at least the row's number, and the entry of that number have
   the row's leaf hash. Two rows without the tag must have places next to each other.
8. That the tag is yours: the first 16 bytes of HMAC-SHA256, under your ledger key, over "tag" and line 1 of the
   checkpoint. perusal verify --person-key does it for you. The entry of kind "enrol" shows the hash of the key.

WHAT IT DOES NOT SHOW
The log cannot show a reading of data that went around it, and entries newer than the checkpoint are not covered.

\u4e2d\u6587\u8bf4\u660e
\u672c\u6587\u4ef6\u5305\u7528\u4e8e\u79bb\u7ebf\u9a8c\u8bc1\uff1a\u67d0\u6b21\u4e2a\u4eba\u4fe1\u606f\u4f7f\u7528\u5df2\u8bb0\u5165\u516c\u5f00\u65e5\u5fd7\u3002\u8fd0\u884c perusal verify BUNDLE.zip \u5373\u53ef\u9a8c\u8bc1\uff1b
\u8bf7\u5c06 policy.txt \u4e2d\u7684\u5bc6\u94a5\u4e0e\u8fd0\u8425\u65b9\u53e6\u884c\u516c\u5e03\u7684\u5bc6\u94a5\u6838\u5bf9\u3002\u672a\u7ecf\u65e5\u5fd7\u7684\u8bfb\u53d6\uff0c\u4ee5\u53ca\u665a\u4e8e\u6b64\u7b7e\u540d\u7684\u8bb0\u5f55\uff0c\u4e0d\u5728\u8bc1\u660e\u8303\u56f4\u5185\u3002
"""
