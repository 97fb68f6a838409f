/** The page of the rules: made, changed, deleted, exported and imported. */
import { chrome, savedRules } from "./browser_api.ts";
import { merged, originsOf, type Rule, ruleOf } from "./rules.ts";

const form = document.querySelector("#form") as HTMLFormElement;
const list = document.querySelector("#rules") as HTMLUListElement;
const first = form.elements.namedItem("isOn") as HTMLInputElement;
const status = document.querySelector("#status") as HTMLElement;
const file = document.querySelector("#import") as HTMLInputElement;

form.onsubmit = (event) => {
  event.preventDefault();
  const { elements } = form;
  const isOn = (elements.namedItem("isOn") as HTMLInputElement).checked;
  const isShadow = (elements.namedItem("isShadow") as HTMLInputElement).checked;
  void save(() => [ruleOf({ ...Object.fromEntries(new FormData(form)), isOn, isShadow })]);
};
form.onreset = () => (form.elements.namedItem("id") as HTMLInputElement).value = "";
file.onchange = async () => {
  const text = await file.files?.[0]?.text() ?? "[]";
  file.value = "";
  await save(() => {
    const rules: unknown = JSON.parse(text);
    if (!Array.isArray(rules)) {
      throw new TypeError("Cannot import the file: it is no list of rules");
    }
    return rules.map(ruleOf);
  });
};
(document.querySelector("#export") as HTMLElement).onclick = async () => {
  const rules = (await savedRules()).map((rule) => ({ ...rule, token: undefined }));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(rules, null, 2)]));
  link.download = "driftless_rules.json";
  link.click();
  URL.revokeObjectURL(link.href);
};
(document.querySelector("#origin") as HTMLElement).textContent = location.origin;
await draw();

/** Adds rules, or puts them in place of those with the same ids, and asks the browser for their pages. */
async function save(read: () => readonly Rule[]): Promise<void> {
  try {
    const fresh = read();
    // First: the browser asks only while it handles the reader's press.
    const isAllowed = await chrome.permissions.request({ origins: fresh.flatMap(originsOf) });
    await chrome.storage.local.set({ rules: merged(await savedRules(), fresh) });
    form.reset();
    status.textContent = isAllowed
      ? "Saved."
      : "Saved, but the browser does not allow these pages.";
  } catch (error) {
    status.textContent = error instanceof Error ? error.message : String(error);
  }
  await draw();
}

async function draw(): Promise<void> {
  const rules = await savedRules();
  list.replaceChildren(...rules.map((rule) => {
    const item = document.createElement("li");
    const { island, server, include, isOn } = rule;
    item.append(`${island} of ${server} in ${include.join(", ")}${isOn ? "" : " (off)"} `);
    item.append(button("Change", island, () => fill(rule)));
    item.append(
      button("Delete", island, async () => {
        const rest = (await savedRules()).filter(({ id }) => id !== rule.id);
        await chrome.storage.local.set({ rules: rest });
        await draw();
        status.textContent = "Deleted.";
        // The button that had the focus is gone.
        first.focus();
      }),
    );
    return item;
  }));
}

function button(text: string, island: string, act: () => void): HTMLButtonElement {
  const made = document.createElement("button");
  made.textContent = text;
  made.ariaLabel = `${text} the rule for ${island}`;
  made.onclick = act;
  return made;
}

function fill(rule: Rule): void {
  first.focus();
  for (const [name, value] of Object.entries(rule)) {
    const field = form.elements.namedItem(name) as HTMLInputElement;
    if (typeof value === "boolean") field.checked = value;
    else field.value = Array.isArray(value) ? value.join("\n") : name === "token" ? "" : value;
  }
}
