/** Whether texts can become code here: not under `--disallow-code-generation-from-strings`. */
export const isCodeAllowed: boolean = (() => {
  try {
    return new Function("return true")() as boolean;
  } catch {
    return false;
  }
})();
