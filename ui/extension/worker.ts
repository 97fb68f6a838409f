/**
 * The worker of the extension: puts the page's half into pages that have a rule, and keeps the
 * connections, so that servers see the extension's origin, and pages never see a token.
 */
import type { FromBrowser } from "../client/bridge_wire.ts";
import { SocketTransport } from "../client/bridge_socket.ts";
import { chrome, jsonOf, type Port, type Report, savedRules, type Sender } from "./browser_api.ts";
import { isFor, type Rule, type ShownRule } from "./rules.ts";

/** Islands by tab. */
const counts = new Map<number, number>();
/** What ends a connection whose rule has changed or gone, by the port. */
const ends = new Map<Port, (rules: readonly Rule[]) => void>();

void chrome.storage.local.setAccessLevel({ accessLevel: "TRUSTED_CONTEXTS" });
chrome.storage.onChanged.addListener(async () => {
  const rules = await savedRules();
  for (const check of [...ends.values()]) check(rules);
});
chrome.action.onClicked.addListener(() => chrome.runtime.openOptionsPage());

chrome.tabs.onUpdated.addListener(async (tabId, { status }, { url }) => {
  if (status !== "complete" || (await rulesFor({ url })).length === 0) return;
  await chrome.scripting.executeScript({ target: { tabId }, files: ["content.js"] });
});

chrome.runtime.onMessage.addListener((question, sender, answer) => {
  const said = question.ask === "rules" ? shownRules(sender) : table(question.url, sender);
  said.then(answer, () => answer(null));
  // The answer comes later.
  return true;
});

chrome.runtime.onConnect.addListener(async (port) => {
  let isGone = false;
  port.onDisconnect.addListener(() => isGone = true);
  const rule = (await rulesFor(port.sender)).find(({ id }) => id === port.name);
  if (isGone) return;
  if (rule) connect(port, rule);
  else refuse(port);
});

/** With a reason the page asks for no other connection. */
function refuse(port: Port): void {
  const report: Report = {
    kind: "closed",
    reason: "The rule of this island has changed or is gone",
  };
  port.postMessage(report);
}

function connect(port: Port, rule: Rule): void {
  const { server, token } = rule;
  const say = (report: Report) => port.postMessage(report);
  const transport = new SocketTransport({ base: new URL(server), token, delayMs: () => 0 }, {
    opened: () => say({ kind: "opened" }),
    received: (message) => say({ kind: "received", json: jsonOf(message) }),
    closed: (reason) => isHere && say({ kind: "closed", reason }),
  });
  let isHere = true;
  port.onMessage.addListener((message: FromBrowser) => transport.send(message));
  const end = () => {
    if (!isHere) return;
    isHere = false;
    ends.delete(port);
    transport.close();
    count(port, -1);
  };
  port.onDisconnect.addListener(end);
  ends.set(port, (rules) => {
    const now = rules.find(({ id }) => id === rule.id);
    if (now && JSON.stringify(now) === JSON.stringify(rule)) return;
    end();
    refuse(port);
  });
  count(port, 1);
}

/** The badge has the number of islands. */
function count({ sender }: Port, change: number): void {
  const tabId = sender?.tab?.id ?? 0;
  const now = (counts.get(tabId) ?? 0) + change;
  counts.set(tabId, now);
  // The tab may be gone.
  chrome.action.setBadgeText({ tabId, text: now > 0 ? `${now}` : "" }).catch(() => {});
}

async function rulesFor({ url = "" }: Sender = {}): Promise<readonly Rule[]> {
  return (await savedRules()).filter((rule) => isFor(rule, url));
}

async function shownRules(sender: Sender): Promise<readonly ShownRule[]> {
  const rules = await rulesFor(sender);
  return rules.map(({ id, server, island, selector, isShadow }) => {
    return { id, server, island, selector, isShadow };
  });
}

/** A table of templates, of a server that has a rule for the page. */
async function table(url: string, sender: Sender): Promise<string> {
  const { origin, pathname } = new URL(url);
  const isKnown = (await rulesFor(sender)).some(({ server }) => server === origin);
  if (!isKnown || !pathname.startsWith("/_live/table/")) throw new TypeError(`Cannot load ${url}`);
  return await (await fetch(url)).text();
}
