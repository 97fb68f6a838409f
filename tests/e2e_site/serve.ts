/** The app file of a server that has files: the app, and modules of WebAssembly beside it. */
import app from "./app.ts";
import { mount } from "./mounts.ts";

const read = async (name: string) =>
  new Uint8Array(await (await fetch(new URL(`./${name}.wasm`, import.meta.url))).arrayBuffer());

export default mount(app, await read("stats"), await read("duties"));
