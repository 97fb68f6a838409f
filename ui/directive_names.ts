/** The names of directives, events apart, and what they need. */

/** All of them; behind a colon there has to be a name. */
export const DIRECTIVES: readonly string[] = [
  "g-attr:",
  "g-bind",
  "g-checked",
  "g-class:",
  "g-draggable",
  "g-drop",
  "g-dropzone",
  "g-else",
  "g-else-if",
  "g-for",
  "g-hide",
  "g-html",
  "g-if",
  "g-island",
  "g-key",
  "g-pending",
  "g-plugin:",
  "g-prop:",
  "g-shadow",
  "g-show",
  "g-style:",
  "g-text",
  "g-upload",
  "g-value",
];

/** Directives that give an element its contents. */
export const CONTENTS: readonly string[] = ["g-text", "g-html", "g-plugin", "g-island"];

/** Directives that need a name behind a colon. */
export const NAMED: ReadonlySet<string> = new Set([
  "g-attr",
  "g-class",
  "g-plugin",
  "g-prop",
  "g-style",
]);

/** Directives that may have one. */
export const GROUPED: ReadonlySet<string> = new Set(["g-draggable", "g-drop", "g-dropzone"]);

/** Properties through which a value becomes markup, code, or another object. */
export const REFUSED_PROPERTIES: ReadonlySet<string> = new Set([
  "__proto__",
  "attributes",
  "constructor",
  "prototype",
  "style",
]);

/** Elements whose markup a parser would move elsewhere, take for text, or that have none. */
export const NO_MARKUP_TAGS: ReadonlySet<string> = new Set(
  ("area base br col colgroup embed hr iframe img input link noembed noframes noscript optgroup " +
    "option p plaintext select source style table tbody textarea tfoot thead title tr track wbr xmp")
    .split(" "),
);

/** Elements that have no contents. */
export const VOID_TAGS: ReadonlySet<string> = new Set(
  "area base br col embed hr img input link meta param source track wbr".split(" "),
);
