/** A disk of a few megabytes, for what a full one does. */
import { assertEquals } from "@std/assert";

const DISK_SIZE = "4m";

/**
 * Runs a command with such a disk at `folder`; gives what it prints, or `null`, said aloud, where this
 * machine lets nobody mount one. The command must end well.
 */
export async function onSmallDisk(
  folder: string,
  command: readonly string[],
): Promise<string | null> {
  // In a namespace of its own: nobody else sees the mount, and it ends with the child.
  const script = `mount -t tmpfs -o size=${DISK_SIZE} tmpfs "$0" && exec "$@"`;
  const run = (...args: readonly string[]) =>
    new Deno.Command("unshare", { args: ["-m", "sh", "-c", script, folder, ...args] }).output();
  const probe = await run("true").catch(() => null);
  if (probe?.code !== 0) {
    const reason = probe === null ? "no unshare" : new TextDecoder().decode(probe.stderr).trim();
    console.log(`skipped: a small file system cannot be mounted here (${reason})`);
    return null;
  }
  const { code, stdout, stderr } = await run(...command);
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
