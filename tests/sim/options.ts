/** What a world is like: every seed draws its own subset of faults, and its own rates. */
import { Prng } from "./prng.ts";

/** How a client talks to the server. */
export type Transport = "live" | "http" | "mixed";

/** The options of one world. A rate of 0 means never; a mean is a time between two of a kind. */
export interface SimOptions {
  readonly seed: number;
  readonly transports: readonly Transport[];
  readonly scopes: number;
  /** How long faults and calls go on, in virtual milliseconds. */
  readonly durationMs: number;
  readonly callMeanMs: number;
  /** Chance that a call is the first of several at once. */
  readonly burstChance: number;
  readonly burstMax: number;
  readonly notes: boolean;
  readonly blobRows: number;
  readonly blobSize: number;
  /** Somebody else writes more changes at once than a live catch-up goes through. */
  readonly flood: boolean;
  readonly latencyMs: number;
  readonly clogChance: number;
  readonly cutMeanMs: number;
  readonly halfOpenChance: number;
  readonly httpLossChance: number;
  readonly httpTwiceChance: number;
  readonly lateAnswers: boolean;
  readonly pullLimit: number;
  readonly offlineMeanMs: number;
  readonly clientCrashMeanMs: number;
  /** Chance that a crashed client comes back as a new one that takes over the queue. */
  readonly adoptChance: number;
  readonly evictMeanMs: number;
  readonly storageDelayMs: number;
  readonly storageFailChance: number;
  readonly groupDelayMs: number;
  readonly pokesFirst: boolean;
  /** Chance that sessions do not hear of a commit, as if another process had made it, until later. */
  readonly unheardChance: number;
  readonly serverCrashMeanMs: number;
  /** Chance that a commit is cut short by a crash, before, in, or after it. */
  readonly commitCrashChance: number;
  readonly storeFailChance: number;
  readonly trimMeanMs: number;
  readonly trimKeeps: number;
  /** An older copy of the server's disk takes its place. */
  readonly restoreMeanMs: number;
  readonly restoredEpoch: "new" | "same";
  readonly skewMs: number;
  readonly clockJumpMeanMs: number;
  readonly accessFlipMeanMs: number;
  /** Chance that the user, in place of a call, looks after what waits: again, otherwise, or not at all. */
  readonly curateChance: number;
  /**
   * What hashes the rows: nothing, as in a server without trees; a true kernel; or one of those whose
   * digests collide where they are cut short.
   */
  readonly kernel: KernelKind;
  /** Some of the rows that a device has stored are lost, changed, or rows of nobody. */
  readonly damageMeanMs: number;
  /** Chance that a change that a program is told comes out as another one, as by a fault of its own. */
  readonly garbleChance: number;
  /** Chance that the server has no room for a step of an exchange. */
  readonly busyChance: number;
  /** Small rows that the first scope has from the start. */
  readonly stock: number;
}

/** What a world's trees are made with. */
export type KernelKind = "none" | "true" | "weak" | "steep";

/** A world without trees: what the faults that only trees can mend must not meet. */
export const TREELESS = {
  kernel: "none",
  damageMeanMs: 0,
  garbleChance: 0,
  busyChance: 0,
  stock: 0,
} as const;

/** No fault but those of the server's process and disk. */
const CALM = {
  clogChance: 0,
  cutMeanMs: 0,
  offlineMeanMs: 0,
  clientCrashMeanMs: 0,
  evictMeanMs: 0,
  storageFailChance: 0,
  trimMeanMs: 0,
  restoreMeanMs: 0,
  accessFlipMeanMs: 0,
  flood: false,
  damageMeanMs: 0,
  garbleChance: 0,
} as const satisfies Partial<SimOptions>;

/**
 * Whether an answer always reaches a live client before the rows that it is about. After a restart or
 * a snapshot, and behind a cut connection whose last push arrives late, the rows may come first; then
 * an effect shows twice until the answer is there.
 */
export function answersComeFirst(options: SimOptions): boolean {
  return Object.entries(CALM).every(([name, value]) => options[name as keyof SimOptions] === value);
}

/** Draws, and keeps what was drawn by a chance. */
type Draw = <T>(chance: number, draw: () => T, otherwise: T) => T;

const DAY_MS = 24 * 60 * 60 * 1000;

/** What trees can mend: more of it where there are many rows, or large ones. */
function drawDamage(prng: Prng, some: Draw, blobs: boolean) {
  const stock = some(0.25, () => prng.between(20, 400), 0);
  const isLarge = blobs || stock > 0;
  return {
    stock,
    damageMeanMs: some(isLarge ? 0.8 : 0.5, () => prng.between(2000, 10_000), 0),
    garbleChance: some(0.3, () => prng.float() * 0.1, 0),
    busyChance: some(0.3, () => prng.float() * 0.3, 0),
  };
}

/** The options of a seed. */
export function drawOptions(seed: number): SimOptions {
  const prng = new Prng(seed);
  const some: Draw = (chance, draw, otherwise) => {
    // Drawn in any case, so that one fault does not shift the others.
    const drawn = draw();
    return prng.chance(chance) ? drawn : otherwise;
  };
  const transport = (): Transport => prng.pick(["live", "live", "http", "http", "mixed", "mixed"]);
  const blobs = prng.chance(0.15);
  const isCalm = prng.chance(0.1);
  const drawn: SimOptions = {
    seed,
    transports: Array.from({ length: prng.between(2, 5) }, transport),
    scopes: prng.chance(0.3) ? 2 : 1,
    durationMs: prng.between(5, 25) * 1000,
    callMeanMs: prng.between(150, 1500),
    burstChance: some(0.4, () => 0.1, 0),
    burstMax: prng.chance(0.1) ? 150 : 8,
    notes: prng.chance(0.75),
    blobRows: blobs ? prng.between(1, 40) : 0,
    blobSize: prng.between(10, 6000),
    flood: prng.chance(0.01),
    latencyMs: prng.pick([0, 2, 20, 200]),
    clogChance: some(0.3, () => prng.float() * 0.05, 0),
    cutMeanMs: some(0.6, () => prng.between(1000, 8000), 0),
    halfOpenChance: prng.float(),
    httpLossChance: some(0.6, () => prng.float() * 0.3, 0),
    httpTwiceChance: some(0.4, () => prng.float() * 0.4, 0),
    lateAnswers: prng.chance(0.3),
    pullLimit: prng.pick([1, 3, 20, 1000]),
    offlineMeanMs: some(0.4, () => prng.between(3000, 15_000), 0),
    clientCrashMeanMs: some(0.5, () => prng.between(2000, 12_000), 0),
    adoptChance: some(0.3, () => prng.float() * 0.6, 0),
    evictMeanMs: some(0.15, () => prng.between(8000, 20_000), 0),
    storageDelayMs: prng.pick([1, 10, 100, 600]),
    storageFailChance: some(0.2, () => prng.float() * 0.1, 0),
    groupDelayMs: prng.pick([0, 0, 5, 60]),
    pokesFirst: prng.chance(0.5),
    unheardChance: some(0.15, () => prng.float() * 0.5, 0),
    serverCrashMeanMs: some(0.4, () => prng.between(3000, 12_000), 0),
    commitCrashChance: some(0.4, () => prng.float() * 0.15, 0),
    storeFailChance: some(0.2, () => prng.float() * 0.1, 0),
    trimMeanMs: some(0.3, () => prng.between(1000, 6000), 0),
    trimKeeps: prng.between(0, 30),
    restoreMeanMs: some(0.15, () => prng.between(3000, 15_000), 0),
    restoredEpoch: "new",
    skewMs: some(0.5, () => 3 * DAY_MS, 0),
    clockJumpMeanMs: some(0.3, () => prng.between(2000, 10_000), 0),
    accessFlipMeanMs: some(0.1, () => prng.between(2000, 8000), 0),
    curateChance: some(0.6, () => prng.float() * 0.5, 0),
    kernel: prng.pick(["none", "true", "true", "true", "true", "weak", "steep"]),
    ...drawDamage(prng, some, blobs),
  };
  return {
    ...drawn,
    ...(isCalm ? CALM : {}),
    ...(drawn.kernel === "none" ? TREELESS : {}),
  };
}
