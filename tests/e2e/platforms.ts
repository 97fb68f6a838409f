/** Where an app runs, and what works there. */

/** A platform: the program on Deno and as Bun's executable, Deno Deploy on KV, Workers. */
export type Platform = "deno" | "bun" | "deploy" | "workers";

/** What tests call them. */
export const PLATFORMS: Readonly<Record<Platform, string>> = {
  deno: "deno run",
  bun: "the Bun binary",
  deploy: "deno serve, as on Deno Deploy",
  workers: "workerd, as on Workers",
};
