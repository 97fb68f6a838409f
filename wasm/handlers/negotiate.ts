/*
 * Tells the caller what they sent, in the form that they accept: JSON, HTML, or plain text.
 *
 *     curl --header 'accept: text/html' 'http://127.0.0.1:8000/negotiate?name=Ada'
 *
 * This is AssemblyScript: it looks like TypeScript and compiles to WebAssembly. A request is ten slots
 * of 16 bytes, an answer four: see README.md in this folder.
 */

const TAG_I32: u32 = 2;
const TAG_STRING: u32 = 4;
const SLOT_BYTES: usize = 16;

/** What the host reads after the call, kept here so that the collector leaves it alone. */
const response = new StaticArray<u32>(4 * 4);
let responseTexts: ArrayBuffer[] = [];

export function _start(): void {}

/** The host asks once for room for requests, and gives it back when it needs more. */
export function malloc(size: usize): usize {
  return __pin(__new(size, idof<ArrayBuffer>()));
}

export function free(address: usize): void {
  __unpin(address);
}

export function handle_zerobuf(request: usize): usize {
  // Nothing of the last request is on the stack here, so all of it can go.
  __collect();
  const method = textOf(request, 0);
  const target = textOf(request, 1);
  const headers = textOf(request, 3);
  if (method != "GET" && method != "HEAD" && method != "POST") {
    return answer(405, "text/plain", "Cannot " + method + " this path\n", "Allow: GET, POST\n");
  }
  const names = ["method", "path", "query", "body"];
  const mark = target.indexOf("?");
  const values = [
    method,
    mark < 0 ? target : target.substring(0, mark),
    mark < 0 ? "" : target.substring(mark + 1),
    textOf(request, 2),
  ];
  const vary = "Vary: Accept\n";
  const type = preferred(headerOf(headers, "accept"));
  if (type == "application/json") return answer(200, type, jsonOf(names, values), vary);
  if (type == "text/html") return answer(200, type + "; charset=utf-8", htmlOf(names, values), vary);
  if (type == "text/plain") return answer(200, type + "; charset=utf-8", plainOf(names, values), vary);
  return answer(406, "text/plain", "Accept application/json, text/html or text/plain\n", vary);
}

/** The type with the highest `q`; of equals the one that is named first. Empty: none will do. */
function preferred(accept: string): string {
  if (accept.trim() == "") return "application/json";
  const ranges = accept.split(",");
  let best = "";
  let bestWeight = 0;
  for (let i = 0; i < ranges.length; i++) {
    const parts = ranges[i].split(";");
    let weight = 1000;
    for (let j = 1; j < parts.length; j++) {
      const parameter = parts[j].trim();
      if (parameter.startsWith("q=")) weight = weightOf(parameter.substring(2));
    }
    const type = typeFor(parts[0].trim());
    if (type != "" && weight > bestWeight) {
      best = type;
      bestWeight = weight;
    }
  }
  return best;
}

/** A weight between 0 and 1, of which three digits count: thousandths. */
function weightOf(text: string): i32 {
  let weight = text.startsWith("1") ? 1000 : 0;
  let unit = 100;
  for (let i = 2; i < text.length && weight < 1000; i++) {
    weight += (text.charCodeAt(i) - 0x30) * unit;
    unit /= 10;
  }
  return weight;
}

function typeFor(range: string): string {
  if (range == "*/*" || range == "application/*" || range == "application/json") {
    return "application/json";
  }
  if (range == "text/html" || range == "text/plain") return range;
  return range == "text/*" ? "text/plain" : "";
}

function jsonOf(names: string[], values: string[]): string {
  let text = "{";
  for (let i = 0; i < names.length; i++) {
    text += (i > 0 ? "," : "") + quoted(names[i]) + ":" + quoted(values[i]);
  }
  return text + "}";
}

function plainOf(names: string[], values: string[]): string {
  let text = "";
  for (let i = 0; i < names.length; i++) text += names[i] + ": " + values[i] + "\n";
  return text;
}

function htmlOf(names: string[], values: string[]): string {
  let text = "<!doctype html><title>Your request</title><dl>";
  for (let i = 0; i < names.length; i++) {
    text += "<dt>" + names[i] + "</dt><dd>" + escaped(values[i]) + "</dd>";
  }
  return text + "</dl>";
}

function quoted(value: string): string {
  let text = '"';
  let from = 0;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code != 0x22 && code != 0x5c && code >= 0x20) continue;
    text += value.substring(from, i);
    if (code >= 0x20) text += "\\" + String.fromCharCode(code);
    else text += "\\u00" + String.fromCharCode(hexDigit(code >> 4), hexDigit(code & 15));
    from = i + 1;
  }
  return text + value.substring(from) + '"';
}

function hexDigit(value: i32): i32 {
  return value < 10 ? 0x30 + value : 0x57 + value;
}

function escaped(value: string): string {
  return value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** The text of a slot of the request. */
function textOf(request: usize, slot: usize): string {
  const address: usize = load<u32>(request + slot * SLOT_BYTES, 4);
  if (address == 0) return "";
  return String.UTF8.decodeUnsafe(address + 4, load<u32>(address));
}

/** The value of a header, whose name is in lower case. */
function headerOf(headers: string, name: string): string {
  const lines = headers.split("\n");
  for (let i = 0; i < lines.length; i++) {
    if (lines[i].startsWith(name + ": ")) return lines[i].substring(name.length + 2);
  }
  return "";
}

function answer(status: u32, type: string, body: string, headers: string): usize {
  responseTexts = [];
  response[0] = TAG_I32;
  response[1] = status;
  setText(1, type);
  setText(2, body);
  setText(3, headers);
  return changetype<usize>(response);
}

/** Puts a text into a slot of the response: the slot points at the length, behind it are the bytes. */
function setText(slot: i32, text: string): void {
  const length = String.UTF8.byteLength(text);
  const block = new ArrayBuffer(4 + length);
  const address = changetype<usize>(block);
  store<u32>(address, length);
  String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, address + 4);
  responseTexts.push(block);
  response[4 * slot] = TAG_STRING;
  response[4 * slot + 1] = <u32> address;
}
