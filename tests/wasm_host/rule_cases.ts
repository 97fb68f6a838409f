/** Rules of a module against the same rules in TypeScript, on every runtime and in a page. */
import type { AnyApp } from "../../core/app.ts";
import { CommitPoke } from "../../core/poke.ts";
import { PresenceRooms } from "../../core/presence.ts";
import { LiveSession } from "../../core/session.ts";
import { decodeDown } from "../../core/wire/messages.ts";
import * as v from "valibot";
import { wasmRules } from "../../wasm/rules.ts";
import { ClientRig } from "../core/client_rig.ts";
import { ann, ManualClock, ServerRig } from "../core/server_rig.ts";
import { Prng } from "../sim/prng.ts";
import type { Outcome } from "./duty_world.ts";
import { moduleApp, todoSchema, typedApp } from "./rule_apps.ts";
import { equal } from "./slot_world.ts";

/** A module with the rules. */
export type Rules = WebAssembly.Module | Uint8Array<ArrayBuffer>;

const CONVERSATIONS = 4;
const STEPS = 60;
const VALUES = 400;

const CASES: Readonly<Record<string, (rules: Rules) => void>> = {
  "rules of a module accept and refuse the values that those in TypeScript do": (rules) => {
    const schema = wasmRules(rules).schema("todo")["~standard"];
    const prng = new Prng(7);
    let good = 0;
    for (let round = 0; round < VALUES; round++) {
      const value = valueOf(prng);
      const told = schema.validate(value);
      const wanted = v.safeParse(todoSchema, value);
      equal([JSON.stringify(value), told.issues === undefined], [
        JSON.stringify(value),
        wanted.success,
      ]);
      if (told.issues === undefined) good++;
    }
    equal(good > 20 && good < VALUES - 20, true);
    equal(schema.validate({ title: "", done: true }), {
      issues: [{ message: "Write 1 to 200 bytes", path: ["title"] }],
    });
    equal(schema.validate({ title: "x", done: true, more: 1 }), {
      issues: [{ message: "There is more than a title and a mark" }],
    });
    equal(schema.validate(undefined), { issues: [{ message: "it is no JSON" }] });
  },
  "clients and servers converge, whichever of them has the rules of the module": (rules) => {
    const module = moduleApp(rules);
    for (let seed = 1; seed <= CONVERSATIONS; seed++) {
      const rows = [
        converse(seed, typedApp, [typedApp, typedApp]),
        converse(seed, module, [typedApp, module]),
        converse(seed, typedApp, [module, module]),
        converse(seed, module, [module, module]),
      ];
      equal(new Set(rows.map((it) => JSON.stringify(it))).size, 1);
      equal((rows[0]?.rejected ?? 0) > 0, true);
    }
  },
};

/** Runs every case. */
export function runRuleCases(rules: Rules): Outcome[] {
  return Object.entries(CASES).map(([title, run]) => {
    try {
      run(rules);
      return { title, problem: null };
    } catch (error) {
      return { title, problem: error instanceof Error ? `${error.stack}` : `${error}` };
    }
  });
}

/** One device, and its connection while it has one. */
class Device {
  readonly rig: ClientRig;
  readonly down: Uint8Array[] = [];
  session: LiveSession | null = null;
  rejected: string[] = [];

  constructor(name: string, app: AnyApp) {
    this.rig = new ClientRig({ name, app, clock: new ManualClock(), principal: ann });
  }
}

/** A server, devices, and what they tell each other. */
class Conversation {
  readonly server: ServerRig;
  readonly devices: readonly Device[];

  constructor(app: AnyApp, clients: readonly AnyApp[]) {
    this.server = new ServerRig({ app });
    this.devices = clients.map((client, index) => new Device(`d${index}`, client));
  }

  connect(device: Device): void {
    device.down.length = 0;
    const { server } = this;
    const session: LiveSession = new LiveSession({
      server: server.server,
      principal: ann,
      clock: server.clock,
      presence: new PresenceRooms({ clock: server.clock, wake: () => {} }),
      output: {
        send: (bytes) => device.down.push(bytes),
        publish: () => {},
        joined: () => {},
        isReady: () => true,
        spend: () => 0,
        push: (channel, mutations) => {
          const { results, commits } = server.server.push([{ principal: ann, mutations }]);
          for (const { scope, changes } of commits) {
            const poke = new CommitPoke(changes);
            for (const other of this.devices) other.session?.committed(scope, poke);
          }
          session.decided(channel, results[0] ?? []);
        },
      },
    });
    device.session = session;
    device.rig.client.connected();
  }

  /** Everything that anybody has to say is said. */
  settle(): void {
    for (let isQuiet = false; !isQuiet;) {
      isQuiet = true;
      for (const device of this.devices) {
        device.rig.settle();
        for (const effect of device.rig.take()) {
          if (effect.kind === "rejected") device.rejected.push(`${effect.rejected.error.message}`);
          if (effect.kind !== "send" || device.session === null) continue;
          isQuiet = false;
          device.session.received(0, effect.message);
        }
        for (let frame = device.down.shift(); frame !== undefined; frame = device.down.shift()) {
          isQuiet = false;
          device.rig.receive(decodeDown(frame).message);
        }
      }
    }
  }
}

/** The same conversation, whatever the apps are made of; gives what all are left with. */
function converse(seed: number, app: AnyApp, clients: readonly AnyApp[]) {
  const prng = new Prng(seed);
  const world = new Conversation(app, clients);
  const made: string[] = ["nowhere"];
  for (let step = 0; step < STEPS; step++) {
    const device = world.devices[prng.between(0, world.devices.length - 1)] as Device;
    const id = made[prng.between(0, made.length - 1)];
    const [name, args] = prng.pick<readonly [string, unknown]>([
      ["todo.add", { title: prng.pick(["tea", "", 'ä"\\\n😀', "x".repeat(199)]) }],
      ["todo.toggle", { id }],
      ["todo.toggle", { id }],
      ["todo.clear", null],
      ["todo.take", { id }],
      ["todo.update", { id, data: { title: prng.pick(["", "fine"]) } }],
    ]);
    try {
      const { id: mutation } = device.rig.mutate(name, args);
      if (name === "todo.add") made.push(`${mutation}-1`);
    } catch (error) {
      // Refused on the device itself.
      device.rejected.push(error instanceof Error ? error.message.slice(0, 30) : "");
    }
    if (device.session === null) world.connect(device);
    else if (prng.chance(0.2)) {
      device.session = null;
      device.rig.client.disconnected();
    }
    if (prng.chance(0.5)) world.settle();
  }
  for (const device of world.devices) if (device.session === null) world.connect(device);
  world.settle();
  const rows = world.server.records("todo");
  for (const { rig } of world.devices) {
    equal(Object.fromEntries(rig.client.view.all("todo")), rows);
    equal(rig.client.pending.length, 0);
  }
  equal(world.server.failures.length, 0);
  const rejected = world.devices.flatMap((device) => device.rejected);
  return { rows, rejected: rejected.length };
}

/** Often nearly a thing to do. */
function valueOf(prng: Prng): unknown {
  const word = () =>
    prng.pick(["", "a", '"', "\\", "é", "\u0001", "😀", "title", "}", ",", "x".repeat(90)]);
  const title = prng.pick<() => unknown>([
    () => word() + word() + word(),
    () => word(),
    () => prng.between(0, 9),
    () => null,
    () => ["x"],
  ])();
  const done = prng.pick<unknown>([true, false, true, false, "true", 1, null]);
  return prng.pick<() => unknown>([
    () => ({ title: word(), done: prng.chance(0.5) }),
    () => ({ title: word() + word(), done: prng.chance(0.5) }),
    () => ({ title, done }),
    () => ({ done, title }),
    () => ({ title }),
    () => ({ title, done, [word()]: { title, done } }),
    () => ({ [word()]: [title, { title: "inner", done: true }], done }),
    () => [title, done],
    () => title,
  ])();
}
