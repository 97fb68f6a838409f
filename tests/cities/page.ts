/** The page of the cities benchmark: a client with IndexedDB, at the benchmark's disposal. */
import { createClient } from "../../mod.ts";
import app from "./app.ts";

declare global {
  /** Makes and starts a client; resolves with it when its rows are there. */
  var openCities: (count: number) => Promise<{ ms: number; stop: () => Promise<void> }>;
}

globalThis.openCities = async (count) => {
  const start = performance.now();
  const client = createClient(app, { scope: "world" });
  await client.start();
  while (client.collection("city").count() < count) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { ms: performance.now() - start, stop: () => client.stop() };
};
