/** Bodies that no honest client sends, and what the doors make of them. */

/** A door that takes JSON. */
export type Door = "push" | "pull" | "snapshot";
/** A code where a body is refused, else the status. */
export type Verdict = "malformed" | "invalid_mutation" | "cursor_too_old" | 200;

export const DOORS: readonly Door[] = ["push", "pull", "snapshot"];
const DEEP = 30_000;
/** A body, and what each door makes of it. */
export interface Hostile {
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly push: Verdict;
  readonly pull: Verdict;
  readonly snapshot: Verdict;
}

/** What no door takes. */
export const REFUSED: Readonly<Record<string, string | Uint8Array<ArrayBuffer>>> = {
  "not JSON": "hello",
  "only a brace": "{",
  "truncated": `{"scope":"a","cursor":`,
  "truncated in an escape": `{"scope":"\\u00`,
  "followed by more": `{}{}`,
  "with a trailing comma": `{"scope":"a",}`,
  "with single quotes": `{'scope':'a'}`,
  "with a comment": `{/* */}`,
  "NaN": "NaN",
  "white space": " \n\t ",
  "a null byte": "\0",
  "null": "null",
  "true": "true",
  "a number": "1",
  "a text": `"{}"`,
  "a list": "[]",
  "a list of an object": "[{}]",
  "deep lists": "[".repeat(DEEP) + "]".repeat(DEEP),
  "deep lists that end early": "[".repeat(DEEP),
  "deep objects": `{"a":`.repeat(10_000) + "1" + "}".repeat(10_000),
  "deep in a field that nobody knows": `{"x":${"[".repeat(DEEP)}${"]".repeat(DEEP)}}`,
  "__proto__": `{"__proto__":{"admin":true}}`,
  "__proto__ further in": `{"x":{"y":[{"__proto__":null}]}}`,
  "__proto__ in escapes": `{"\\u005f_proto__":1}`,
  "an infinite number": `{"cursor":1e999}`,
  "half a surrogate pair": `{"scope":"\\ud800"}`,
  "half a surrogate pair as a key": `{"\\udfff":1}`,
  "a long text": `{"x":"${"x".repeat(16 * 1024 + 1)}"}`,
  "many keys": `{${Array.from({ length: 1_001 }, (_, i) => `"${i}":0`).join()}}`,
  "bytes that are no UTF-8": new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
  "a UTF-8 sequence cut short": new Uint8Array([0x7b, 0x7d, 0xe2, 0x82]),
  "an overlong UTF-8 sequence": new Uint8Array([0x22, 0xc0, 0xaf, 0x22]),
  "UTF-16": new Uint8Array([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]),
  "compressed": new Uint8Array([0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00]),
};

/** What the doors judge differently. */
export const JUDGED: Readonly<Record<string, Hostile>> = {
  "nothing": judged("", "invalid_mutation", 200, 200),
  "an empty object": judged("{}", "invalid_mutation", 200, 200),
  "a byte order mark": judged("\ufeff{}", "invalid_mutation", 200, 200),
  "constructor": judged(`{"constructor":{"prototype":{}}}`, "invalid_mutation", 200, 200),
  "the same key twice": judged(`{"scope":1,"scope":"a"}`, "invalid_mutation", 200, 200),
  "a cursor beyond 2^53": numbers("9007199254740993"),
  "a cursor of 400 digits": judged(
    `{"cursor":${"9".repeat(400)}}`,
    "malformed",
    "malformed",
    "malformed",
  ),
  "a negative cursor": numbers("-1"),
  "a broken cursor": numbers("0.5"),
  "a cursor as text": numbers(`"0"`),
  "a cursor as list": numbers("[0]"),
  "a cursor as object": numbers("{}"),
  "a cursor as truth": numbers("true"),
  "a cursor that is ahead": judged(`{"cursor":7000000}`, "invalid_mutation", "cursor_too_old", 200),
  "a limit as text": judged(`{"limit":"1"}`, "invalid_mutation", "invalid_mutation", 200),
  "a client as number": judged(`{"client":1}`, "invalid_mutation", "invalid_mutation", 200),
  "a scope as number": scoped("1"),
  "a scope as list": scoped(`["a"]`),
  "a scope as object": scoped(`{"a":1}`),
  "a scope with a line break": scoped(`"a\\nb"`),
  "a scope with a null byte": scoped(`"\\u0000"`),
  "a scope of 129 characters": scoped(JSON.stringify("s".repeat(129))),
  "a scope of 128 characters": judged(
    JSON.stringify({ scope: "s".repeat(128) }),
    "invalid_mutation",
    200,
    200,
  ),
  "a scope like SQL": judged(`{"scope":"'; DROP TABLE rows; --"}`, "invalid_mutation", 200, 200),
  "a scope like a path": judged(`{"scope":"../../etc"}`, "invalid_mutation", 200, 200),
};

function judged(body: string, push: Verdict, pull: Verdict, snapshot: Verdict): Hostile {
  return { body, push, pull, snapshot };
}

function numbers(cursor: string): Hostile {
  return judged(`{"cursor":${cursor}}`, "invalid_mutation", "invalid_mutation", 200);
}

function scoped(scope: string): Hostile {
  return judged(`{"scope":${scope}}`, "invalid_mutation", "invalid_mutation", "invalid_mutation");
}
