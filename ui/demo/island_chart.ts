/** A chart of the market: the server has the numbers, a plugin of the page draws them. */
import { island, live } from "../island.ts";
import { market, TICK_MS } from "./island_market.ts";

const SECOND_MS = 1_000;

/** The level of the market over the last seconds. */
export class MarketChart {
  seconds = 30;
  /** What was drawn when somebody pressed "Pause"; nothing while it runs. */
  still: readonly number[] = [];

  connected(): void {
    const context = live(this);
    market.watch(this, () => this.isPaused || context.refresh());
  }

  disconnected(): void {
    market.leave(this);
  }

  get isPaused(): boolean {
    return this.still.length > 0;
  }

  /** What is drawn, in percent of where the market began. */
  get levels(): readonly number[] {
    const levels = this.isPaused ? this.still : market.levels;
    return levels.slice(-this.seconds * SECOND_MS / TICK_MS);
  }

  togglePause(): void {
    this.still = this.isPaused ? [] : market.levels.slice();
  }

  get level(): number {
    return this.levels.at(-1) ?? 100;
  }

  get summary(): string {
    const [low, high] = [Math.min(...this.levels), Math.max(...this.levels)];
    return `The last ${this.seconds} seconds: from ${low.toFixed(2)} to ${
      high.toFixed(2)
    } percent of the opening`;
  }
}

const template = `
<div class="market">
  <div class="tools">
    <p class="level">{{fixed(level, 3)}} <span>% of the opening</span></p>
    <label class="field inline">Show
      <select g-bind="seconds">
        <option value="10">10 s</option><option value="30">30 s</option>
        <option value="60">60 s</option>
      </select>
    </label>
    <button class="quiet" type="button" g-click="togglePause"
      aria-pressed="{{isPaused ? 'true' : 'false'}}">Pause</button>
  </div>
  <div class="chart" role="img" aria-label="{{summary}}" g-plugin:chart="levels"></div>
</div>`;

/** The page draws it with its plugin "chart". */
export const marketChart = island(MarketChart, {
  template,
  plugins: { chart: "/islands.js" },
});
