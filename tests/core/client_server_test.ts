/** Clients and a server together: cuts, crashes, trims and clocks, and what every reader may rely on. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { LOG_AGE_MS_MAX } from "../../core/limits.ts";
import { CommitPoke } from "../../core/poke.ts";
import { PresenceRooms } from "../../core/presence.ts";
import { LiveSession } from "../../core/session.ts";
import { decodeDown, decodeUp, encodeUp } from "../../core/wire/messages.ts";
import { ClientRig } from "./client_rig.ts";
import { ann, ManualClock, ServerRig } from "./server_rig.ts";

/** One connection: frames in both directions, delivered when the test says so. */
class Connection {
  readonly up: Uint8Array[] = [];
  readonly down: Uint8Array[] = [];
  readonly session: LiveSession;

  constructor(world: World) {
    const { rig } = world;
    this.session = new LiveSession({
      server: rig.server,
      principal: ann,
      clock: rig.clock,
      presence: new PresenceRooms({ clock: rig.clock, wake: () => {} }),
      output: {
        send: (bytes) => this.down.push(bytes),
        publish: () => {},
        joined: () => {},
        isReady: () => true,
        spend: () => 0,
        push: (channel, mutations) => {
          const { results, commits } = rig.server.push([{ principal: ann, mutations }]);
          for (const { scope, changes } of commits) world.committed(scope, new CommitPoke(changes));
          this.session.decided(channel, results[0] ?? []);
        },
      },
    });
  }
}

/** One device: its client, the connection that it has, and what its user has seen happen. */
class Device {
  readonly name: string;
  rig: ClientRig;
  connection: Connection | null = null;
  /** Calls that were not refused on the device itself. */
  calls = 0;
  reported = 0;
  needsSnapshot = false;
  /** A snapshot may hold effects of mutations whose answers are still on their way. */
  wasReset = false;

  constructor(name: string) {
    this.name = name;
    this.rig = new ClientRig({ name, clock: new ManualClock() });
  }

  /** The counter that this device alone adds to. */
  get own(): number {
    return Number(this.rig.value(this.name) ?? 0);
  }
}

class World {
  readonly rig = new ServerRig();
  readonly devices: readonly Device[];
  /** The rows at every cursor, as the server had them. */
  readonly history = new Map<number, string>([[0, "{}"]]);

  constructor(devices: number) {
    this.devices = Array.from({ length: devices }, (_, i) => new Device(`d${i}`));
  }

  committed(scope: string, poke: CommitPoke): void {
    this.history.set(poke.to, JSON.stringify(this.rig.records("counter")));
    for (const { connection } of this.devices) connection?.session.committed(scope, poke);
  }

  connect(device: Device): void {
    this.cut(device);
    device.connection = new Connection(this);
    device.rig.client.connected();
    this.#collect(device);
  }

  cut(device: Device): void {
    if (device.connection === null) return;
    device.connection = null;
    device.rig.client.disconnected();
  }

  crash(device: Device): void {
    device.connection = null;
    device.rig = device.rig.restart();
    device.needsSnapshot = false;
  }

  call(device: Device, name: string, by: number): void {
    try {
      device.rig.mutate(name, { id: device.name, by });
      device.calls += name === "counter.add" ? by : 0;
    } catch {
      // Refused on the device: nothing has happened.
    }
    this.#collect(device);
  }

  deliverUp(device: Device): void {
    const frame = device.connection?.up.shift();
    if (frame === undefined) return;
    const { channel, message } = decodeUp(frame);
    device.connection?.session.received(channel, message);
  }

  deliverDown(device: Device): void {
    const frame = device.connection?.down.shift();
    if (frame !== undefined) device.rig.receive(decodeDown(frame).message);
    this.#collect(device);
  }

  snapshot(device: Device): void {
    if (!device.needsSnapshot) return;
    device.needsSnapshot = false;
    device.wasReset = true;
    const reader = this.rig.server.snapshot("home");
    const { epoch } = this.rig.server;
    const { time } = this.rig.server.head("home");
    const rows = reader.next(1_000);
    device.rig.client.snapshotLoaded({ epoch, cursor: reader.cursor, time, rows });
    this.#collect(device);
  }

  /** Everything gets through; nobody calls any more. */
  heal(): void {
    for (const device of this.devices) this.connect(device);
    const isQuiet = ({ connection, needsSnapshot }: Device) =>
      connection?.up.length === 0 && connection.down.length === 0 && !needsSnapshot;
    for (let round = 0; round < 200 && !this.devices.every(isQuiet); round++) {
      for (const device of this.devices) {
        this.deliverUp(device);
        this.deliverDown(device);
        this.snapshot(device);
      }
    }
  }

  #collect(device: Device): void {
    device.rig.settle();
    for (const effect of device.rig.take()) {
      if (effect.kind === "send") device.connection?.up.push(encodeUp(0, effect.message));
      if (effect.kind === "needSnapshot") device.needsSnapshot = true;
      if (effect.kind === "rejected") device.reported++;
    }
  }
}

type Step =
  | { readonly kind: "add" | "up" | "down" | "connect" | "cut" | "crash" | "snapshot" }
  | { readonly kind: "clock"; readonly jumpMs: number }
  | { readonly kind: "trim" };

const HOUR_MS = 60 * 60 * 1000;

const anyStep: fc.Arbitrary<readonly [device: number, step: Step]> = fc.tuple(
  fc.nat(2),
  fc.oneof(
    { weight: 6, arbitrary: fc.constant<Step>({ kind: "add" }) },
    { weight: 10, arbitrary: fc.constant<Step>({ kind: "up" }) },
    { weight: 10, arbitrary: fc.constant<Step>({ kind: "down" }) },
    { weight: 3, arbitrary: fc.constant<Step>({ kind: "connect" }) },
    { weight: 2, arbitrary: fc.constant<Step>({ kind: "cut" }) },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: "crash" }) },
    { weight: 4, arbitrary: fc.constant<Step>({ kind: "snapshot" }) },
    {
      weight: 1,
      arbitrary: fc.integer({ min: -72, max: 72 })
        .map((hours): Step => ({ kind: "clock", jumpMs: hours * HOUR_MS })),
    },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: "trim" }) },
  ),
);

function take(world: World, device: Device, step: Step): void {
  switch (step.kind) {
    case "add":
      return world.call(device, "counter.add", 1);
    case "up":
      return world.deliverUp(device);
    case "down":
      return world.deliverDown(device);
    case "connect":
      return world.connect(device);
    case "cut":
      return world.cut(device);
    case "crash":
      return world.crash(device);
    case "snapshot":
      return world.snapshot(device);
    case "clock":
      device.rig.clock.time += step.jumpMs;
      return;
    case "trim":
      world.rig.clock.time += LOG_AGE_MS_MAX + 1;
      world.rig.server.trim();
  }
}

Deno.test("whatever happens, a user's own calls are seen once, and the rows are the server's at the cursor [S1, S2, S4, S5, S6]", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 120, size: "max" }), (steps) => {
      const world = new World(3);
      for (const device of world.devices) world.connect(device);
      for (const [index, step] of steps) {
        const device = world.devices[index] as Device;
        take(world, device, step);
        for (const { rig, own, calls, wasReset } of world.devices) {
          if (!wasReset) assertStrictEquals(own, calls);
          if (rig.client.pending.length === 0) {
            const rows = Object.fromEntries(rig.client.view.all("counter"));
            assertStrictEquals(JSON.stringify(rows), world.history.get(rig.client.cursor));
          }
        }
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("once faults end, everything is acknowledged and all clients are equal [L1, S2, S3, S14]", () => {
  const anyCall = fc.tuple(fc.nat(2), fc.constantFrom("counter.add", "counter.spend"), fc.nat(3));
  const anyEvent = fc.oneof(
    { weight: 1, arbitrary: anyCall.map((call) => ({ call })) },
    { weight: 3, arbitrary: anyStep.map((step) => ({ step })) },
  );
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 120, size: "max" }), (events) => {
      const world = new World(3);
      for (const device of world.devices) world.connect(device);
      for (const event of events) {
        if ("call" in event) {
          const [index, name, by] = event.call;
          world.call(world.devices[index] as Device, name, by);
        } else {
          take(world, world.devices[event.step[0]] as Device, event.step[1]);
        }
      }
      world.heal();
      const { cursor } = world.rig.server.head("home");
      const rows = world.rig.records("counter");
      for (const { rig } of world.devices) {
        assertEquals(rig.states(), []);
        assertStrictEquals(rig.client.cursor, cursor);
        assertEquals(Object.fromEntries(rig.client.view.all("counter")), rows);
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("two devices that change one record converge, and each sees its own change at once [S6, L1]", () => {
  const world = new World(2);
  world.heal();
  const [one, two] = world.devices as [Device, Device];
  one.rig.mutate("note.create", { id: "a", data: { title: "start" } });
  world.heal();
  world.cut(one);
  world.cut(two);
  one.rig.mutate("note.update", { id: "a", data: { title: "one" } });
  two.rig.clock.time += 5;
  two.rig.mutate("note.update", { id: "a", data: { done: true } });
  const at = ({ rig }: Device) => rig.client.view.get("note", "a");
  assertEquals([at(one), at(two)], [{ title: "one" }, { title: "start", done: true }]);
  world.heal();
  assertEquals([at(one), at(two)], Array(2).fill({ title: "one", done: true }));
});

Deno.test("rules decide again on the server: what another device spent cannot be spent twice [S14, L1]", () => {
  const world = new World(2);
  const [one, two] = world.devices as [Device, Device];
  one.rig.add("purse", 5);
  world.heal();
  world.cut(one);
  world.cut(two);
  for (const { rig } of world.devices) rig.mutate("counter.spend", { id: "purse", by: 4 });
  assertEquals([one.rig.value("purse"), two.rig.value("purse")], [1, 1]);
  world.heal();
  assertEquals([one.rig.value("purse"), two.rig.value("purse")], [1, 1]);
  assert(one.reported + two.reported === 1);
});
