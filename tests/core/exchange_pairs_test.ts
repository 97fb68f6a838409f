/** A hundred thousand pairs of row sets, all of which an exchange makes equal, whatever happens meanwhile. */
import { assertEquals } from "@std/assert";
import type { RowChange } from "../../core/reconcile/row_hash.ts";
import { RowTree } from "../../core/reconcile/row_tree.ts";
import { MemoryNodes } from "../../core/reconcile/tree_nodes.ts";
import { Prng } from "../sim/prng.ts";
import {
  assertSameRows,
  ClientSide,
  EPOCH,
  kernel,
  nameOf,
  SCOPE,
  ServerSide,
  travel,
} from "./exchange_rig.ts";

const PAIRS = 100_000;
/** Pairs of one server, which changes in between. */
const PAIRS_OF_SMALL = 20;
const PAIRS_OF_LARGE = 50;
const LARGE_PAIRS = 2_000;
const SMALL_ROWS = 300;
const LARGE_ROWS = 5_000;
/** Roots are computed again, from rows alone, for one in so many pairs. */
const REBUILT_SHARE = 16;

/** What happened to all pairs of a test. */
interface Tally {
  pairs: number;
  repaired: number;
  snapshots: number;
  /** Repairs that were not of one round. */
  long: number;
}

class Pairs {
  readonly tally: Tally = { pairs: 0, repaired: 0, snapshots: 0, long: 0 };
  readonly #prng: Prng;

  constructor(seed: number) {
    this.#prng = new Prng(seed);
  }

  /** A server of up to so many rows, and clients that differ from it. */
  family(rowsMax: number, pairs: number): void {
    // Small sets are the most; all sizes occur.
    const n = Math.floor((rowsMax + 1) * this.#prng.float() ** (rowsMax === SMALL_ROWS ? 4 : 1));
    const server = new ServerSide(Array.from({ length: n }, () => this.#put(n)));
    for (let pair = 0; pair < pairs; pair++) this.#pair(server, n);
  }

  #pair(server: ServerSide, n: number): void {
    const client = this.#clientOf(server, n);
    const hasWriter = this.#int(4) === 0;
    // A server that forgets what it deleted, and a client that has stood still, or knows nothing.
    if (this.#int(4) === 0) server.trim(this.#int(3));
    if (this.#int(4) === 0) server.commit(this.#changes(n, this.#int(8)));
    const serverCursor = this.#int(2) === 0 ? { serverCursor: server.cursor } : {};
    const known = [{}, { serverEpoch: EPOCH }, { serverEpoch: EPOCH, epoch: "earlier" }, {
      scope: SCOPE,
      epoch: "earlier",
    }][this.#int(4)];
    const exchange = client.exchange({ ...known, ...serverCursor });
    const before = () => {
      if (!hasWriter || this.#int(2) === 0) return;
      server.commit(this.#changes(n, 1 + this.#int(3)));
      if (this.#int(3) === 0) server.trim(this.#int(3));
    };
    const rounds = travel(exchange, server, { before, pick: (count) => this.#int(count) });
    this.tally.pairs++;
    if (!client.apply(exchange.outcome)) {
      this.tally.snapshots++;
      return;
    }
    this.tally.repaired++;
    if (rounds > 1) this.tally.long++;
    assertSameRows(client, server);
    if (this.#int(REBUILT_SHARE) > 0) return;
    const roots = [client.rows, server.rowsAt(client.cursor)].map((rows) => {
      const tree = new RowTree(kernel, SCOPE, new MemoryNodes());
      tree.update(rows.values());
      return tree.root;
    });
    assertEquals(roots[0], roots[1]);
  }

  /** A client with the server's rows but for some. */
  #clientOf(server: ServerSide, n: number): ClientSide {
    const rows = new Map(server.rows);
    const count = this.#int(6) === 0 ? this.#int(n + 1) : this.#int(6);
    for (const change of this.#changes(n, count)) {
      if (change.json === null) rows.delete(nameOf(change));
      else rows.set(nameOf(change), change);
    }
    const cursor = this.#int(3) > 0 ? server.cursor : this.#int(server.cursor + 3);
    return new ClientSide(rows.values(), cursor);
  }

  #changes(n: number, count: number): RowChange[] {
    return Array.from({ length: count }, () => {
      const change = this.#put(n);
      return this.#int(3) === 0 ? { ...change, json: null } : change;
    });
  }

  #put(n: number): RowChange {
    const id = `i${this.#int(n + n / 8 + 1)}`;
    const entity = this.#int(8) === 0 ? "tag" : "note";
    return { entity, id, json: `{"value":${this.#prng.next()}}` };
  }

  #int(below: number): number {
    return this.#prng.next() % Math.max(1, Math.floor(below));
  }
}

Deno.test("exchange makes pairs of small sets equal, in any order of replies, during writes [S10]", () => {
  const pairs = new Pairs(1);
  while (pairs.tally.pairs < PAIRS - LARGE_PAIRS) pairs.family(SMALL_ROWS, PAIRS_OF_SMALL);
  assertMost(pairs.tally);
});

Deno.test("exchange makes pairs of large sets equal, in any order of replies, during writes [S10]", () => {
  const pairs = new Pairs(2);
  while (pairs.tally.pairs < LARGE_PAIRS) pairs.family(LARGE_ROWS, PAIRS_OF_LARGE);
  assertMost(pairs.tally);
});

/** Most pairs must have been repaired, and many of them in several rounds: else nothing was tested. */
function assertMost({ pairs, repaired, snapshots, long }: Tally): void {
  assertEquals(repaired + snapshots, pairs);
  if (repaired < pairs / 2) throw new Error(`${snapshots} of ${pairs} ended as snapshots`);
  if (long < pairs / 20) throw new Error(`Only ${long} of ${pairs} took several rounds`);
}
