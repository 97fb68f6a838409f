/**
 * The half of the extension that runs in pages, in a world of its own: it makes a place for each island,
 * and has the bridge show it there over the worker's connection.
 */
import type { LiveTransport, TransportEvents } from "../client/bridge_socket.ts";
import { BROWSER_METHOD } from "../client/bridge_wire.ts";
import type { live } from "../client/live.ts";
import { chrome, messageOf, type Port, type Report, rulesHere } from "./browser_api.ts";
import type { ShownRule } from "./rules.ts";

/** How long until a connection is asked for again when the worker was ended, in milliseconds. */
const RECONNECT_MS = 1_000;
/** Widths of the panel, in pixels. */
const PANEL_PX = { min: 200, first: 320, max: 900 };

/** What stays when this script is put into the same page again. */
const own = globalThis as unknown as { shown?: Set<string>; panel?: ShadowRoot };
const shown = own.shown ??= new Set();

// A page's own policy and origin would bar this world from the server.
globalThis.fetch = async (url) => {
  return new Response(await chrome.runtime.sendMessage({ ask: "table", url: String(url) }));
};
for (const rule of await rulesHere()) if (!shown.has(rule.id)) void show(rule);

async function show(rule: ShownRule): Promise<void> {
  shown.add(rule.id);
  const place = rule.selector === "" ? panel() : await found(rule.selector);
  // Another query is another module: each rule has a connection of its own.
  const url = chrome.runtime.getURL(`live.js?manual&ns=${rule.id}`);
  const { live: bridge }: { live: typeof live } = await import(url);
  const { mount } = bridge;
  // The page is not ours: it chooses no islands, and no island moves it.
  bridge.mount = () => {};
  bridge.register({ "driftless:navigate": () => {} });
  bridge.connect({ url: rule.server, transport: (events) => relay(rule.id, events) });
  mount(place.appendChild(document.createElement("div")), rule.island, rule.isShadow);
}

/** The connection that the worker keeps. */
function relay(rule: string, events: TransportEvents): LiveTransport {
  let port: Port;
  let [isOpen, isOver] = [false, false];
  const open = () => {
    port = chrome.runtime.connect({ name: rule });
    port.onMessage.addListener((report: Report) => {
      isOpen = report.kind !== "closed";
      if (report.kind === "received") events.received(messageOf(report.json));
      else if (report.kind === "opened") events.opened();
      else {
        isOver ||= report.reason !== "";
        events.closed(report.reason);
      }
    });
    port.onDisconnect.addListener(() => {
      isOpen = false;
      if (isOver) return;
      events.closed("");
      setTimeout(open, RECONNECT_MS);
    });
  };
  open();
  return {
    send({ url, ...message }) {
      // Where the reader is stays here.
      if (isOpen && !(url && message.kind === BROWSER_METHOD)) port.postMessage(message);
      return isOpen;
    },
    close: () => port.disconnect(),
  };
}

/** The element of a selector, as soon as the page has one. */
async function found(selector: string): Promise<Element> {
  let element = document.querySelector(selector);
  while (!element) {
    await new Promise<void>((resolve) => {
      const watch = new MutationObserver(() => {
        watch.disconnect();
        resolve();
      });
      watch.observe(document, { childList: true, subtree: true });
    });
    element = document.querySelector(selector);
  }
  return element;
}

/** The panel at the side, which all islands without a selector share. */
function panel(): ShadowRoot {
  if (own.panel) return own.panel;
  const element = document.createElement("aside");
  element.ariaLabel = "Driftless islands";
  Object.assign(element.style, {
    ...{ position: "fixed", inset: "0 0 0 auto", overflow: "auto", zIndex: "2147483647" },
    ...{ padding: "8px", boxSizing: "border-box", width: `${PANEL_PX.first}px`, maxWidth: "100vw" },
    ...{ background: "Canvas", color: "CanvasText", borderInlineStart: "1px solid" },
  });
  const inside = own.panel = element.attachShadow({ mode: "open" });
  const width = document.createElement("input");
  const { min, first, max } = PANEL_PX;
  Object.assign(width, { type: "range", min, max, value: first, ariaLabel: "Width of the panel" });
  width.oninput = () => element.style.width = `${width.value}px`;
  const hide = document.createElement("button");
  hide.textContent = "Hide";
  hide.onclick = () => element.hidden = true;
  inside.append(width, hide);
  document.body.append(element);
  return inside;
}
