/** One list of cases for every platform, and how it becomes tests of one of them. */
import { DOOR_CASES } from "./door_cases.ts";
import { HOSTILE_CASES } from "./hostile_cases.ts";
import { INSTANCE_CASES } from "./instance_cases.ts";
import { NETWORK_CASES } from "./network_cases.ts";
import { type Platform, PLATFORMS } from "./platforms.ts";
import { type Stage, startStage } from "./stages.ts";
import { SYNC_CASES } from "./sync_cases.ts";
import { UI_CASES } from "./ui_cases.ts";
import { World } from "./world.ts";

/** What has to hold wherever an app is served. */
export interface EndToEndCase {
  readonly name: string;
  /** Platforms that cannot do it, and why: their tests are ignored under a name that says so. */
  readonly exceptions?: Readonly<Partial<Record<Platform, string>>>;
  run(world: World): Promise<void>;
}

/** Every case; those that end the server come last. */
export const CASES: readonly EndToEndCase[] = [
  ...SYNC_CASES,
  ...UI_CASES,
  ...INSTANCE_CASES,
  ...HOSTILE_CASES,
  ...DOOR_CASES,
  ...NETWORK_CASES,
];

/** A client that stops closes its socket, and the runtime has done so a little later. */
const LETTING_GO = { sanitizeOps: false, sanitizeResources: false };

/** Declares the tests of a platform, which start it once, each with a scope of its own. */
export function testPlatform(platform: Platform): void {
  let stage: Stage | undefined;
  Deno.test.beforeAll(async () => {
    stage = await startStage(platform);
  });
  Deno.test.afterAll(async () => {
    await stage?.[Symbol.asyncDispose]();
  });
  for (const [index, { name, exceptions = {}, run }] of CASES.entries()) {
    const reason = exceptions[platform];
    Deno.test({
      name: `${PLATFORMS[platform]}: ${name}${
        reason === undefined ? "" : ` (not here: ${reason})`
      }`,
      ignore: reason !== undefined,
      ...LETTING_GO,
      async fn() {
        if (stage === undefined) throw new Error("There is no server");
        const world = await World.on(stage, `case-${index}`);
        try {
          await run(world);
        } finally {
          await world.end();
        }
      },
    });
  }
}
