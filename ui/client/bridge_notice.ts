/** What a page shows while its server cannot be reached: one notice over a page of its own, badges elsewhere. */

/** Short losses are not worth a word, in milliseconds. */
const NOTICE_AFTER_MS = 1_000;

/** Shows and hides the notices of a page. */
export interface Notices {
  /** The connection is gone, for good if there is a reason. */
  show(places: readonly ParentNode[], reason: string): void;
  hide(): void;
}

/**
 * Notices made of the page's templates `#g-disconnect` and `#g-disconnect-badge`, or plain ones. An
 * element `.g-reason` in one gets the reason.
 */
export function createNotices(): Notices {
  let shown: HTMLElement[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  const add = (place: ParentNode, id: string, css: string, text: string) => {
    const own = document.querySelector<HTMLTemplateElement>(`template#${id}`);
    const notice = document.createElement("div");
    notice.className = id;
    notice.role = "status";
    if (own) notice.append(document.importNode(own.content, true));
    else {
      notice.style.cssText = css;
      notice.textContent = text;
    }
    const reason = notice.querySelector(".g-reason");
    if (reason) reason.textContent = text;
    place.append(notice);
    shown.push(notice);
  };

  const hide = () => {
    clearTimeout(timer);
    for (const notice of shown) notice.remove();
    shown = [];
  };

  return {
    hide,
    show(places, reason) {
      hide();
      const text = reason || "Reconnecting…";
      const isRoot = document.body.hasAttribute("g-island");
      timer = setTimeout(() => {
        if (isRoot) add(document.body, "g-disconnect", COVER_CSS, text);
        else for (const place of places) add(place, "g-disconnect-badge", BADGE_CSS, text);
      }, reason ? 0 : NOTICE_AFTER_MS);
    },
  };
}

const COVER_CSS =
  "position:fixed;inset:0;z-index:9999;display:grid;place-content:center;background:#000a;color:#fff";
const BADGE_CSS = "background:#a00;color:#fff";
