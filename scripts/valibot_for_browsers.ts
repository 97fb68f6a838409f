/** Valibot, whole, as the server hands it to the pages of apps at `/_driftless/valibot.js`. */
export * from "valibot";
