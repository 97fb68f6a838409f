/** The names of events, of what they tell, and of keys, as browsers have them. */

/** Events that a directive may be named by; others are `g-on:name`. */
export const EVENTS: ReadonlySet<string> = new Set(
  ("animationend animationiteration animationstart auxclick beforeinput beforetoggle blur cancel " +
    "canplay change click close compositionend compositionstart compositionupdate contextmenu copy " +
    "cut dblclick dragend dragenter dragleave dragover dragstart durationchange ended error focus " +
    "focusin focusout formdata gotpointercapture hashchange input invalid keydown keypress keyup " +
    "load loadeddata loadedmetadata lostpointercapture mousedown mouseenter mouseleave mousemove " +
    "mouseout mouseover mouseup offline online pagehide pageshow paste pause play playing " +
    "pointercancel pointerdown pointerenter pointerleave pointermove pointerout pointerover " +
    "pointerup popstate progress ratechange reset resize scroll scrollend seeked seeking select " +
    "selectionchange slotchange submit timeupdate toggle touchcancel touchend touchmove touchstart " +
    "transitioncancel transitionend transitionrun transitionstart visibilitychange volumechange " +
    "waiting wheel").split(" "),
);

/**
 * What a handler's arguments may name of an event, and so browsers send: fields of the event, and of
 * the element that listens.
 */
export const EVENT_FIELDS: ReadonlySet<string> = new Set(
  ("altKey animationName button buttons checked clientHeight clientWidth clientX clientY code " +
    "ctrlKey currentTime data deltaMode deltaX deltaY detail duration form height id innerHeight " +
    "innerWidth inputType isComposing isPrimary key location metaKey movementX movementY name " +
    "newState offsetX offsetY oldState pageX pageY pointerId pointerType position pressure " +
    "propertyName repeat screenX screenY scrollHeight scrollLeft scrollTop scrollWidth " +
    "selectionEnd selectionStart shiftKey submitter tiltX tiltY timeStamp touches type value values " +
    "width").split(" "),
);

/** Keys by the name that a modifier has for them. */
export const KEYS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    alt: "Alt",
    arrowdown: "ArrowDown",
    arrowleft: "ArrowLeft",
    arrowright: "ArrowRight",
    arrowup: "ArrowUp",
    backspace: "Backspace",
    capslock: "CapsLock",
    comma: ",",
    contextmenu: "ContextMenu",
    control: "Control",
    delete: "Delete",
    dot: ".",
    down: "ArrowDown",
    end: "End",
    enter: "Enter",
    esc: "Escape",
    escape: "Escape",
    home: "Home",
    insert: "Insert",
    left: "ArrowLeft",
    meta: "Meta",
    pagedown: "PageDown",
    pageup: "PageUp",
    right: "ArrowRight",
    shift: "Shift",
    slash: "/",
    space: " ",
    tab: "Tab",
    up: "ArrowUp",
  }),
);

/** Keys by their place on the keyboard, and those with a number. */
export const KEY_CODE =
  /^(?:F\d{1,2}|Key[A-Z]|Digit\d|Numpad(?:\d|[A-Z]\w+)|(?:Alt|Control|Meta|Shift)(?:Left|Right)|Space|Minus|Equal|Bracket(?:Left|Right)|Semicolon|Quote|Backquote|Backslash|Comma|Period|Slash)$/;
