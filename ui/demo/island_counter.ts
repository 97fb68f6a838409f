/** A counter: its fields are the state, its methods the handlers. Once for each page, once for all. */
import { island } from "../island.ts";

/** A number, and how far a click moves it. */
export class Counter {
  count = 0;
  step = 1;

  add(by: number): void {
    this.count += by;
  }

  reset(): void {
    this.count = 0;
  }
}

const template = `
<div class="counter">
  <button class="round" type="button" aria-label="Less" g-click="add(-step)">−</button>
  <output aria-label="Count">{{count}}</output>
  <button class="round" type="button" aria-label="More" g-click="add(step)">+</button>
  <label class="field inline">Step <input type="number" min="1" g-bind="step"></label>
  <button class="quiet" type="button" g-if="count != 0" g-click="reset">Back to 0</button>
</div>`;

/** The state of one page: every tab counts on its own, also after the server was restarted. */
export const counter = island(Counter, { template });

/** One state for all: a click in one tab shows in the others. */
export const sharedCounter = island(Counter, { template, scope: "global" });
