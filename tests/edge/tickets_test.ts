/** A ticket opens one connection, once, soon; nobody can fill the memory with them. */
import { assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import { ANONYMOUS, type Identity } from "../../edge/identity.ts";
import { TICKET_MS_MAX, Tickets, TICKETS_MAX } from "../../edge/tickets.ts";

const ANNA: Identity = { principal: { id: "anna" }, expires: Infinity, explicit: true };

Deno.test("a ticket gives back the identity that it was issued for", () => {
  const { tickets } = office();
  const [anna, nobody] = [tickets.issue(ANNA), tickets.issue(ANONYMOUS)];
  assertEquals(tickets.redeem(nobody), ANONYMOUS);
  assertEquals(tickets.redeem(anna), ANNA);
});

Deno.test("a ticket is long, and another one each time", () => {
  const { tickets } = office();
  const issued = Array.from({ length: 100 }, () => tickets.issue(ANNA));
  for (const ticket of issued) assertMatch(ticket, /^[0-9a-f]{48}\*[0-9a-f]{16}$/);
  assertEquals(new Set(issued).size, issued.length);
});

Deno.test("tickets have the same label when they are of the same principal, and another one else", () => {
  const { tickets } = office();
  const labelOf = (identity: Identity) => tickets.issue(identity).split("*")[1];
  const claimed: Identity = { ...ANNA, principal: { id: "anna", claims: { role: "admin" } } };
  assertEquals(labelOf(ANNA), labelOf({ ...ANNA, expires: 5 }));
  assertEquals(labelOf(ANONYMOUS), labelOf(ANONYMOUS));
  assertEquals(new Set([ANNA, claimed, ANONYMOUS].map(labelOf)).size, 3);
  // Who reads a label cannot find out whose it is by trying names.
  assertNotEquals(office().tickets.issue(ANNA).split("*")[1], labelOf(ANNA));
});

Deno.test("a ticket works once", () => {
  const { tickets } = office();
  const ticket = tickets.issue(ANNA);
  tickets.redeem(ticket);
  assertUnknown(tickets, ticket);
});

Deno.test("a ticket works up to its last millisecond and not beyond", () => {
  const { tickets, wait } = office();
  const [early, late] = [tickets.issue(ANNA), tickets.issue(ANNA)];
  wait(TICKET_MS_MAX - 1);
  assertEquals(tickets.redeem(early), ANNA);
  wait(1);
  assertUnknown(tickets, late);
});

Deno.test("a ticket that was never issued is refused, whatever it looks like", () => {
  const { tickets } = office();
  tickets.issue(ANNA);
  for (const ticket of [null, "", "0".repeat(48), "__proto__", "constructor"]) {
    assertUnknown(tickets, ticket);
  }
});

Deno.test("a full office gives out no more until the first tickets expire", () => {
  const { tickets, wait } = office();
  for (let i = 0; i < TICKETS_MAX; i++) tickets.issue(ANNA);
  const error = assertThrows(() => tickets.issue(ANNA), DriftlessError);
  assertEquals(error.code, "unavailable");
  wait(TICKET_MS_MAX);
  assertEquals(tickets.redeem(tickets.issue(ANNA)), ANNA);
});

function office(): { tickets: Tickets; wait: (ms: number) => void } {
  let now = 5_000;
  const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };
  return { tickets: new Tickets(random, () => now), wait: (ms) => void (now += ms) };
}

function assertUnknown(tickets: Tickets, ticket: string | null): void {
  const error = assertThrows(() => tickets.redeem(ticket), DriftlessError);
  assertEquals(error.code, "unauthenticated");
}
