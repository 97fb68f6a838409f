//! Works on text: `/crc32?text=…` gives its checksum, `/upper?text=…` and `/reverse` change it. The text
//! of a POST may be as long as you like.
//!
//!     curl 'http://localhost:8787/text/crc32?text=hello'
const std = @import("std");

/// A string as it stands in memory: its length in bytes, then the bytes.
const Text = extern struct {
    length: u32,

    fn bytes(text: *const Text) []const u8 {
        const address = @intFromPtr(text) + @sizeOf(Text);
        return @as([*]const u8, @ptrFromInt(address))[0..text.length];
    }
};

const Tag = enum(u32) { empty = 0, int = 2, string = 4 };

const Slot = extern struct {
    tag: Tag = .empty,
    /// The address of a `Text`, or a number.
    payload: u32 = 0,
    wide: u64 = 0,

    fn text(slot: *const Slot) []const u8 {
        if (slot.payload == 0) return "";
        return @as(*const Text, @ptrFromInt(slot.payload)).bytes();
    }
};

const Request = extern struct {
    method: Slot,
    target: Slot,
    body: Slot,
    headers: Slot,
    result: Slot,
    call: Slot,
    items: [4]Slot,
};

const Response = extern struct { status: Slot, type: Slot, body: Slot, headers: Slot };

var response: Response = undefined;

/// Takes what lives until the next request, and then all of it goes at once.
var arena = std.heap.ArenaAllocator.init(std.heap.wasm_allocator);

/// In front of each block stands how long it is: `free` is not told.
const HEAD_BYTES = 16;

export fn _start() void {}

/// The host asks once for room for requests, and gives it back when it needs more.
export fn malloc(size: usize) usize {
    const block = std.heap.wasm_allocator.alignedAlloc(u8, 16, size + HEAD_BYTES) catch return 0;
    std.mem.bytesAsValue(usize, block[0..@sizeOf(usize)]).* = block.len;
    return @intFromPtr(block.ptr) + HEAD_BYTES;
}

export fn free(address: usize) void {
    if (address == 0) return;
    const block: [*]align(16) u8 = @ptrFromInt(address - HEAD_BYTES);
    const length = std.mem.bytesAsValue(usize, block[0..@sizeOf(usize)]).*;
    std.heap.wasm_allocator.free(block[0..length]);
}

export fn handle_zerobuf(request: *const Request) *const Response {
    _ = arena.reset(.{ .retain_with_limit = 64 * 1024 });
    handle(request) catch answer(507, "Cannot answer: no memory is left");
    return &response;
}

fn handle(request: *const Request) !void {
    const target = request.target.text();
    const mark = std.mem.indexOfScalar(u8, target, '?') orelse target.len;
    const path = target[0..mark];
    const is_post = std.mem.eql(u8, request.method.text(), "POST");
    const query = target[@min(mark + 1, target.len)..];
    const text = if (is_post) request.body.text() else try parameter(query, "text");
    if (std.mem.endsWith(u8, path, "/crc32")) {
        const sum = std.mem.nativeToBig(u32, checksum(text));
        answer(200, &std.fmt.bytesToHex(std.mem.toBytes(sum), .lower));
    } else if (std.mem.endsWith(u8, path, "/upper")) {
        const changed = try arena.allocator().dupe(u8, text);
        for (changed) |*byte| byte.* = std.ascii.toUpper(byte.*);
        answer(200, changed);
    } else if (std.mem.endsWith(u8, path, "/reverse")) {
        answer(200, try reversed(text));
    } else {
        answer(404, "Ask for /crc32, /upper or /reverse");
    }
}

/// CRC-32, as in PNG and ZIP files.
fn checksum(text: []const u8) u32 {
    var sum: u32 = 0xffff_ffff;
    for (text) |byte| {
        sum ^= byte;
        for (0..8) |_| sum = (sum >> 1) ^ (0xedb8_8320 & (0 -% (sum & 1)));
    }
    return ~sum;
}

/// The characters of UTF-8 from the last to the first; what is none is kept as it stands.
fn reversed(text: []const u8) ![]const u8 {
    const changed = try arena.allocator().alloc(u8, text.len);
    var from: usize = 0;
    while (from < text.len) {
        const length = std.unicode.utf8ByteSequenceLength(text[from]) catch 1;
        const end = @min(from + length, text.len);
        std.mem.copyForwards(u8, changed[text.len - end ..], text[from..end]);
        from = end;
    }
    return changed;
}

/// A parameter of a query, with `+` and `%41` decoded; empty if it is not there.
fn parameter(query: []const u8, name: []const u8) ![]const u8 {
    var pairs = std.mem.splitScalar(u8, query, '&');
    while (pairs.next()) |pair| {
        const mark = std.mem.indexOfScalar(u8, pair, '=') orelse continue;
        if (!std.mem.eql(u8, pair[0..mark], name)) continue;
        const value = try arena.allocator().dupe(u8, pair[mark + 1 ..]);
        var length: usize = 0;
        var at: usize = 0;
        while (at < value.len) : (at += 1) {
            var byte = value[at];
            if (byte == '+') byte = ' ';
            if (byte == '%' and at + 2 < value.len) {
                if (std.fmt.parseInt(u8, value[at + 1 .. at + 3], 16)) |code| {
                    byte = code;
                    at += 2;
                } else |_| {}
            }
            value[length] = byte;
            length += 1;
        }
        return value[0..length];
    }
    return "";
}

fn answer(status: u32, body: []const u8) void {
    response = .{
        .status = .{ .tag = .int, .payload = status },
        .type = textSlot("text/plain; charset=utf-8"),
        .body = textSlot(body),
        .headers = .{},
    };
}

/// Copies a text behind its length; if there is no memory for it, the slot stays empty.
fn textSlot(text: []const u8) Slot {
    const size = @sizeOf(Text) + text.len;
    const block = arena.allocator().alignedAlloc(u8, @alignOf(Text), size) catch return .{};
    std.mem.bytesAsValue(Text, block[0..@sizeOf(Text)]).* = .{ .length = @intCast(text.len) };
    @memcpy(block[@sizeOf(Text)..], text);
    return .{ .tag = .string, .payload = @intFromPtr(block.ptr) };
}
