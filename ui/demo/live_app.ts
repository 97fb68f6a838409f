/**
 * The demo's app as the server has it: the rules, which browsers load as well, and the islands of the
 * page "/islands", which they need not. An app in one file names both in `defineApp`.
 */
import app, { type BoardApp } from "./app.ts";
import { board } from "./island_board.ts";
import { marketChart } from "./island_chart.ts";
import { counter, sharedCounter } from "./island_counter.ts";
import { taskForm } from "./island_form.ts";
import { stockTable } from "./island_table.ts";

const liveApp: BoardApp = Object.freeze({
  ...app,
  islands: { board, counter, marketChart, sharedCounter, stockTable, taskForm },
});

export default liveApp;
