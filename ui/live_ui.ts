/**
 * Live user interface: the state is on the server, and pages show it.
 *
 * An island is a class whose fields are state and whose methods are handlers, and a template of HTML with
 * directives. `driftless serve` compiles it at start, puts its first markup into every page that has an
 * element `g-island="name"`, and sends what changes afterwards, a few bytes at a time.
 *
 * | to …                                     | there is                                        |
 * | ---------------------------------------- | ----------------------------------------------- |
 * | make an island of a class                | {@linkcode island}, {@linkcode IslandOptions}   |
 * | read collections, mutate, call the page  | {@linkcode live}, {@linkcode LiveContext}       |
 * | share an object between islands          | {@linkcode shared}                              |
 * | show markup of one's own as it is        | {@linkcode trusted}                             |
 * | show the newest rows, or part of a list  | {@linkcode Stream}, {@linkcode ListWindow}      |
 *
 * @example An app with an island; its page is `<div g-island="counter"></div>`
 * ```ts
 * import { defineApp } from "@driftless/driftless";
 * import { island } from "@driftless/driftless/ui";
 *
 * class Counter {
 *   count = 0;
 *   add(by: number) {
 *     this.count += by;
 *   }
 * }
 *
 * export const counter = island(Counter, {
 *   template: `<p>{{count}} <button g-click="add(1)">One more</button></p>`,
 * });
 *
 * export default defineApp({ name: "counting", collections: {}, islands: { counter } });
 * ```
 *
 * @module
 */
export type { Principal } from "../core/app.ts";
export type { Json } from "../core/json.ts";
export {
  type Island,
  island,
  type IslandClass,
  type IslandOptions,
  type IslandScope,
  live,
  type LiveCollection,
  type LiveContext,
  type LiveRow,
  type MethodOf,
  shared,
} from "./island.ts";
export { ListWindow, Stream } from "./live_lists.ts";
export { trusted, type TrustedHtml } from "./trusted_html.ts";
