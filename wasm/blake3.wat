;; BLAKE3 of many messages at once: four lanes, each of which works on a message of its own.
;;
;; A lane takes one block of 64 bytes at a time. When its message has ended it stores the digest and
;; takes the next message, so lanes stay busy whatever the lengths are. A message here is at most a
;; chunk of 1024 bytes: for a longer one the caller passes its chunks, then their digests in pairs.
;;
;; In memory, where a row is 16 bytes, a word of 32 bits for each of the four lanes:
;;
;;   0x000  16 rows    the words of the four blocks
;;   0x100   8 rows    chain: what the compression before has left
;;   0x180  128 bytes  digests: their first halves by lane, then their second halves
;;   0x200  256 bytes  blocks by lane, filled up with zeros
;;   0x300  112 bytes  order: for each of 7 rounds, where the rows of the words are
;;   0x380   64 bytes  the numbers 0 to 63
;;   0x3c0   32 bytes  the constants, from which a message without a key starts
;;   0x3e0   32 bytes  the key or those constants: the caller sets it
;;   0x400   row       left: bytes of the message that no block has taken; 0 or less: lane is free
;;   0x410   row       at: where they are
;;   0x420   row       out: where the digest goes
;;   0x430   row       chunk: index of the chunk
;;   0x440   row       bytes: of the block, without the zeros
;;   0x450   row       flags: of the block
;;   0x460   row       fresh: all ones when the message begins with this block
;;   0x470   32 bytes  where lanes without a message leave their digests

(data (i32.const 0x300)
  "\00\10\20\30\40\50\60\70\80\90\a0\b0\c0\d0\e0\f0"
  "\20\60\30\a0\70\00\40\d0\10\b0\c0\50\90\e0\f0\80"
  "\30\40\a0\c0\d0\20\70\e0\60\50\90\00\b0\f0\80\10"
  "\a0\70\c0\90\e0\30\d0\f0\40\00\b0\20\50\80\10\60"
  "\c0\d0\90\b0\f0\a0\e0\80\70\20\50\30\00\10\60\40"
  "\90\e0\b0\50\80\c0\f0\10\d0\30\00\a0\20\60\40\70"
  "\b0\f0\50\00\10\90\80\60\e0\a0\20\c0\30\40\70\d0"
)
(data (i32.const 0x380)
  "\00\01\02\03\04\05\06\07\08\09\0a\0b\0c\0d\0e\0f"
  "\10\11\12\13\14\15\16\17\18\19\1a\1b\1c\1d\1e\1f"
  "\20\21\22\23\24\25\26\27\28\29\2a\2b\2c\2d\2e\2f"
  "\30\31\32\33\34\35\36\37\38\39\3a\3b\3c\3d\3e\3f"
  "\67\e6\09\6a\85\ae\67\bb\72\f3\6e\3c\3a\f5\4f\a5"
  "\7f\52\0e\51\8c\68\05\9b\ab\d9\83\1f\19\cd\e0\5b"
)

;; Hashes `count` messages: the first begins at `base`, each ends at `base` plus a u32 from `ends`.
;; Digests go to `out`, 32 bytes each. Chunks are numbered from `chunk` in steps of `step`. All blocks
;; have `flags`, the first of a message `first` as well, the last one `last`.
(func $hash (export "hash")
  (param $base i32) (param $ends i32) (param $count i32) (param $out i32)
  (param $chunk i32) (param $step i32) (param $flags i32) (param $first i32) (param $last i32)
  (local $next i32) (local $limit i32) (local $width i32)
  (local $lane i32) (local $left i32) (local $at i32) (local $to i32) (local $bits i32)
  (local $bytes i32) (local $fresh i32) (local $ended i32) (local $mask v128)
  (local.set $next (local.get $base))
  (local.set $limit (i32.add (local.get $ends) (i32.shl (local.get $count) (i32.const 2))))
  ;; Fewer than four messages leave lanes untouched.
  (local.set $width (i32.shl
    (select (local.get $count) (i32.const 4) (i32.lt_u (local.get $count) (i32.const 4)))
    (i32.const 2)))
  (v128.store offset=0x400 (i32.const 0) (v128.const i32x4 0 0 0 0))
  (loop $block
    (local.set $ended (i32.const 0))
    (local.set $lane (i32.const 0))
    (loop $lanes
      (local.set $bits (local.get $flags))
      (local.set $fresh (i32.const 0))
      (local.set $left (i32.load offset=0x400 (local.get $lane)))
      (if (i32.le_s (local.get $left) (i32.const 0))
        (then
          (local.set $bits (i32.or (local.get $flags) (local.get $first)))
          (local.set $fresh (i32.const -1))
          (local.set $left (i32.const 0))
          (local.set $at (i32.const 0))
          (local.set $to (i32.const 0x470))
          (if (i32.lt_u (local.get $ends) (local.get $limit))
            (then
              (local.set $at (local.get $next))
              (local.set $next (i32.add (local.get $base) (i32.load (local.get $ends))))
              (local.set $left (i32.sub (local.get $next) (local.get $at)))
              (local.set $ends (i32.add (local.get $ends) (i32.const 4)))
              (local.set $to (local.get $out))
              (local.set $out (i32.add (local.get $out) (i32.const 32)))
              (i32.store offset=0x430 (local.get $lane) (local.get $chunk))
              (local.set $chunk (i32.add (local.get $chunk) (local.get $step)))
            )
          )
          (i32.store offset=0x410 (local.get $lane) (local.get $at))
          (i32.store offset=0x420 (local.get $lane) (local.get $to))
        )
      )
      (local.set $at (i32.load offset=0x410 (local.get $lane)))
      (local.set $bytes
        (select (local.get $left) (i32.const 64) (i32.lt_u (local.get $left) (i32.const 64)))
      )
      ;; What lies behind the message belongs to the next one: it becomes zeros.
      (local.set $mask (i8x16.splat (local.get $bytes)))
      (local.set $to (i32.shl (local.get $lane) (i32.const 4)))
      (v128.store offset=0x200 (local.get $to)
        (v128.and (v128.load (local.get $at))
          (i8x16.gt_s (local.get $mask) (v128.load offset=0x380 (i32.const 0)))))
      (v128.store offset=0x210 (local.get $to)
        (v128.and (v128.load offset=16 (local.get $at))
          (i8x16.gt_s (local.get $mask) (v128.load offset=0x390 (i32.const 0)))))
      (v128.store offset=0x220 (local.get $to)
        (v128.and (v128.load offset=32 (local.get $at))
          (i8x16.gt_s (local.get $mask) (v128.load offset=0x3a0 (i32.const 0)))))
      (v128.store offset=0x230 (local.get $to)
        (v128.and (v128.load offset=48 (local.get $at))
          (i8x16.gt_s (local.get $mask) (v128.load offset=0x3b0 (i32.const 0)))))
      (local.set $left (i32.sub (local.get $left) (i32.const 64)))
      (if (i32.le_s (local.get $left) (i32.const 0))
        (then
          (local.set $bits (i32.or (local.get $bits) (local.get $last)))
          (local.set $ended (i32.const 1))
        )
      )
      (i32.store offset=0x400 (local.get $lane) (local.get $left))
      (i32.store offset=0x410 (local.get $lane) (i32.add (local.get $at) (i32.const 64)))
      (i32.store offset=0x440 (local.get $lane) (local.get $bytes))
      (i32.store offset=0x450 (local.get $lane) (local.get $bits))
      (i32.store offset=0x460 (local.get $lane) (local.get $fresh))
      (local.set $lane (i32.add (local.get $lane) (i32.const 4)))
      (br_if $lanes (i32.lt_u (local.get $lane) (local.get $width)))
    )
    (call $transpose (i32.const 0x200) (i32.const 64) (i32.const 0x000))
    (call $transpose (i32.const 0x210) (i32.const 64) (i32.const 0x040))
    (call $transpose (i32.const 0x220) (i32.const 64) (i32.const 0x080))
    (call $transpose (i32.const 0x230) (i32.const 64) (i32.const 0x0c0))
    ;; All four lanes at once take as long as between two and three by themselves.
    (if (i32.gt_u (local.get $count) (i32.const 2))
      (then (call $compress))
      (else
        (local.set $lane (i32.const 0))
        (loop $alone
          (if (i32.ne (i32.load offset=0x420 (local.get $lane)) (i32.const 0x470))
            (then (call $compress_lane (local.get $lane)))
          )
          (local.set $lane (i32.add (local.get $lane) (i32.const 4)))
          (br_if $alone (i32.lt_u (local.get $lane) (local.get $width)))
        )
      )
    )
    (if (local.get $ended)
      (then
        (call $transpose (i32.const 0x100) (i32.const 16) (i32.const 0x180))
        (call $transpose (i32.const 0x140) (i32.const 16) (i32.const 0x1c0))
        ;; Where a message has not ended, what is stored here is overwritten when it has.
        (local.set $lane (i32.const 0))
        (loop $digests
          (local.set $to (i32.load offset=0x420 (local.get $lane)))
          (local.set $at (i32.shl (local.get $lane) (i32.const 2)))
          (v128.store (local.get $to) (v128.load offset=0x180 (local.get $at)))
          (v128.store offset=16 (local.get $to) (v128.load offset=0x1c0 (local.get $at)))
          (local.set $lane (i32.add (local.get $lane) (i32.const 4)))
          (br_if $digests (i32.lt_u (local.get $lane) (local.get $width)))
        )
      )
    )
    (br_if $block (i32.lt_u (local.get $ends) (local.get $limit)))
    (br_if $block
      (v128.any_true
        (i32x4.gt_s (v128.load offset=0x400 (i32.const 0)) (v128.const i32x4 0 0 0 0))))
  )
)

;; Four rows that are `stride` apart become columns: 16 words at `to`.
(func $transpose (param $from i32) (param $stride i32) (param $to i32)
  (local $a v128) (local $b v128) (local $c v128) (local $d v128) (local $e v128)
  (local.set $a (v128.load (local.get $from)))
  (local.set $b (v128.load (local.tee $from (i32.add (local.get $from) (local.get $stride)))))
  (local.set $c (v128.load (local.tee $from (i32.add (local.get $from) (local.get $stride)))))
  (local.set $d (v128.load (i32.add (local.get $from) (local.get $stride))))
  (local.set $e (call $low (local.get $a) (local.get $b)))
  (local.set $b (call $high (local.get $a) (local.get $b)))
  (local.set $a (call $low (local.get $c) (local.get $d)))
  (local.set $d (call $high (local.get $c) (local.get $d)))
  (v128.store (local.get $to)
    (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 (local.get $e) (local.get $a)))
  (v128.store offset=16 (local.get $to)
    (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31 (local.get $e) (local.get $a)))
  (v128.store offset=32 (local.get $to)
    (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 (local.get $b) (local.get $d)))
  (v128.store offset=48 (local.get $to)
    (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31 (local.get $b) (local.get $d)))
)

;; The low words of two rows, by turns.
(func $low (param $a v128) (param $b v128) (result v128)
  (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 (local.get $a) (local.get $b))
)

;; The high ones.
(func $high (param $a v128) (param $b v128) (result v128)
  (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 (local.get $a) (local.get $b))
)

;; Compresses the four blocks into the chain.
(func $compress
  (local $round i32) (local $fresh v128)
  (local $0 v128) (local $1 v128) (local $2 v128) (local $3 v128)
  (local $4 v128) (local $5 v128) (local $6 v128) (local $7 v128)
  (local $8 v128) (local $9 v128) (local $10 v128) (local $11 v128)
  (local $12 v128) (local $13 v128) (local $14 v128) (local $15 v128)
  (local.set $0 (v128.load offset=0x100 (i32.const 0)))
  (local.set $1 (v128.load offset=0x110 (i32.const 0)))
  (local.set $2 (v128.load offset=0x120 (i32.const 0)))
  (local.set $3 (v128.load offset=0x130 (i32.const 0)))
  (local.set $4 (v128.load offset=0x140 (i32.const 0)))
  (local.set $5 (v128.load offset=0x150 (i32.const 0)))
  (local.set $6 (v128.load offset=0x160 (i32.const 0)))
  (local.set $7 (v128.load offset=0x170 (i32.const 0)))
  (if (v128.any_true (local.tee $fresh (v128.load offset=0x460 (i32.const 0))))
    (then
      (local.set $0 (call $start (i32.const 0) (local.get $0) (local.get $fresh)))
      (local.set $1 (call $start (i32.const 4) (local.get $1) (local.get $fresh)))
      (local.set $2 (call $start (i32.const 8) (local.get $2) (local.get $fresh)))
      (local.set $3 (call $start (i32.const 12) (local.get $3) (local.get $fresh)))
      (local.set $4 (call $start (i32.const 16) (local.get $4) (local.get $fresh)))
      (local.set $5 (call $start (i32.const 20) (local.get $5) (local.get $fresh)))
      (local.set $6 (call $start (i32.const 24) (local.get $6) (local.get $fresh)))
      (local.set $7 (call $start (i32.const 28) (local.get $7) (local.get $fresh)))
    )
  )
  (local.set $8 (v128.load32_splat offset=0x3c0 (i32.const 0)))
  (local.set $9 (v128.load32_splat offset=0x3c4 (i32.const 0)))
  (local.set $10 (v128.load32_splat offset=0x3c8 (i32.const 0)))
  (local.set $11 (v128.load32_splat offset=0x3cc (i32.const 0)))
  (local.set $12 (v128.load offset=0x430 (i32.const 0)))
  (local.set $14 (v128.load offset=0x440 (i32.const 0)))
  (local.set $15 (v128.load offset=0x450 (i32.const 0)))
  (loop $rounds
    (call $mix (local.get $0) (local.get $4) (local.get $8) (local.get $12)
      (v128.load (i32.load8_u offset=0x300 (local.get $round)))
      (v128.load (i32.load8_u offset=0x301 (local.get $round))))
    (local.set $12) (local.set $8) (local.set $4) (local.set $0)
    (call $mix (local.get $1) (local.get $5) (local.get $9) (local.get $13)
      (v128.load (i32.load8_u offset=0x302 (local.get $round)))
      (v128.load (i32.load8_u offset=0x303 (local.get $round))))
    (local.set $13) (local.set $9) (local.set $5) (local.set $1)
    (call $mix (local.get $2) (local.get $6) (local.get $10) (local.get $14)
      (v128.load (i32.load8_u offset=0x304 (local.get $round)))
      (v128.load (i32.load8_u offset=0x305 (local.get $round))))
    (local.set $14) (local.set $10) (local.set $6) (local.set $2)
    (call $mix (local.get $3) (local.get $7) (local.get $11) (local.get $15)
      (v128.load (i32.load8_u offset=0x306 (local.get $round)))
      (v128.load (i32.load8_u offset=0x307 (local.get $round))))
    (local.set $15) (local.set $11) (local.set $7) (local.set $3)
    (call $mix (local.get $0) (local.get $5) (local.get $10) (local.get $15)
      (v128.load (i32.load8_u offset=0x308 (local.get $round)))
      (v128.load (i32.load8_u offset=0x309 (local.get $round))))
    (local.set $15) (local.set $10) (local.set $5) (local.set $0)
    (call $mix (local.get $1) (local.get $6) (local.get $11) (local.get $12)
      (v128.load (i32.load8_u offset=0x30a (local.get $round)))
      (v128.load (i32.load8_u offset=0x30b (local.get $round))))
    (local.set $12) (local.set $11) (local.set $6) (local.set $1)
    (call $mix (local.get $2) (local.get $7) (local.get $8) (local.get $13)
      (v128.load (i32.load8_u offset=0x30c (local.get $round)))
      (v128.load (i32.load8_u offset=0x30d (local.get $round))))
    (local.set $13) (local.set $8) (local.set $7) (local.set $2)
    (call $mix (local.get $3) (local.get $4) (local.get $9) (local.get $14)
      (v128.load (i32.load8_u offset=0x30e (local.get $round)))
      (v128.load (i32.load8_u offset=0x30f (local.get $round))))
    (local.set $14) (local.set $9) (local.set $4) (local.set $3)
    (local.set $round (i32.add (local.get $round) (i32.const 16)))
    (br_if $rounds (i32.lt_u (local.get $round) (i32.const 112)))
  )
  (v128.store offset=0x100 (i32.const 0) (v128.xor (local.get $0) (local.get $8)))
  (v128.store offset=0x110 (i32.const 0) (v128.xor (local.get $1) (local.get $9)))
  (v128.store offset=0x120 (i32.const 0) (v128.xor (local.get $2) (local.get $10)))
  (v128.store offset=0x130 (i32.const 0) (v128.xor (local.get $3) (local.get $11)))
  (v128.store offset=0x140 (i32.const 0) (v128.xor (local.get $4) (local.get $12)))
  (v128.store offset=0x150 (i32.const 0) (v128.xor (local.get $5) (local.get $13)))
  (v128.store offset=0x160 (i32.const 0) (v128.xor (local.get $6) (local.get $14)))
  (v128.store offset=0x170 (i32.const 0) (v128.xor (local.get $7) (local.get $15)))
)

;; The same for one lane: its state is four rows of four words, mixed as columns, then as diagonals.
(func $compress_lane (param $lane i32)
  (local $round i32)
  (local $a v128) (local $b v128) (local $c v128) (local $d v128)
  (if (i32.load offset=0x460 (local.get $lane))
    (then
      (local.set $a (v128.load offset=0x3e0 (i32.const 0)))
      (local.set $b (v128.load offset=0x3f0 (i32.const 0)))
    )
    (else
      (local.set $a (v128.load32_lane offset=0x130 3 (local.get $lane)
        (v128.load32_lane offset=0x120 2 (local.get $lane)
          (v128.load32_lane offset=0x110 1 (local.get $lane)
            (v128.load32_zero offset=0x100 (local.get $lane))))))
      (local.set $b (v128.load32_lane offset=0x170 3 (local.get $lane)
        (v128.load32_lane offset=0x160 2 (local.get $lane)
          (v128.load32_lane offset=0x150 1 (local.get $lane)
            (v128.load32_zero offset=0x140 (local.get $lane))))))
    )
  )
  (local.set $c (v128.load offset=0x3c0 (i32.const 0)))
  (local.set $d (v128.load32_lane offset=0x450 3 (local.get $lane)
    (v128.load32_lane offset=0x440 2 (local.get $lane)
      (v128.load32_zero offset=0x430 (local.get $lane)))))
  (loop $rounds
    (call $mix (local.get $a) (local.get $b) (local.get $c) (local.get $d)
      (call $words (local.get $lane) (local.get $round))
      (call $words (local.get $lane) (i32.add (local.get $round) (i32.const 1))))
    (local.set $d) (local.set $c) (local.set $b) (local.set $a)
    (call $mix
      (local.get $a)
      (call $turn_left (local.get $b))
      (call $turn_half (local.get $c))
      (call $turn_right (local.get $d))
      (call $words (local.get $lane) (i32.add (local.get $round) (i32.const 8)))
      (call $words (local.get $lane) (i32.add (local.get $round) (i32.const 9))))
    (local.set $d) (local.set $c) (local.set $b) (local.set $a)
    (local.set $b (call $turn_right (local.get $b)))
    (local.set $c (call $turn_half (local.get $c)))
    (local.set $d (call $turn_left (local.get $d)))
    (local.set $round (i32.add (local.get $round) (i32.const 16)))
    (br_if $rounds (i32.lt_u (local.get $round) (i32.const 112)))
  )
  (local.set $a (v128.xor (local.get $a) (local.get $c)))
  (local.set $b (v128.xor (local.get $b) (local.get $d)))
  (v128.store32_lane offset=0x100 0 (local.get $lane) (local.get $a))
  (v128.store32_lane offset=0x110 1 (local.get $lane) (local.get $a))
  (v128.store32_lane offset=0x120 2 (local.get $lane) (local.get $a))
  (v128.store32_lane offset=0x130 3 (local.get $lane) (local.get $a))
  (v128.store32_lane offset=0x140 0 (local.get $lane) (local.get $b))
  (v128.store32_lane offset=0x150 1 (local.get $lane) (local.get $b))
  (v128.store32_lane offset=0x160 2 (local.get $lane) (local.get $b))
  (v128.store32_lane offset=0x170 3 (local.get $lane) (local.get $b))
)

;; Every second word of eight that a round takes, from `at` in the order.
(func $words (param $lane i32) (param $at i32) (result v128)
  (v128.load32_lane 3 (i32.add (local.get $lane) (i32.load8_u offset=0x306 (local.get $at)))
    (v128.load32_lane 2 (i32.add (local.get $lane) (i32.load8_u offset=0x304 (local.get $at)))
      (v128.load32_lane 1 (i32.add (local.get $lane) (i32.load8_u offset=0x302 (local.get $at)))
        (v128.load32_zero
          (i32.add (local.get $lane) (i32.load8_u offset=0x300 (local.get $at)))))))
)

(func $turn_left (param $row v128) (result v128)
  (i8x16.shuffle 4 5 6 7 8 9 10 11 12 13 14 15 0 1 2 3 (local.get $row) (local.get $row))
)

(func $turn_half (param $row v128) (result v128)
  (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $row) (local.get $row))
)

(func $turn_right (param $row v128) (result v128)
  (i8x16.shuffle 12 13 14 15 0 1 2 3 4 5 6 7 8 9 10 11 (local.get $row) (local.get $row))
)

;; A word of the key in lanes that are fresh, of the chain in the others.
(func $start (param $word i32) (param $chain v128) (param $fresh v128) (result v128)
  (v128.bitselect
    (v128.load32_splat offset=0x3e0 (local.get $word)) (local.get $chain) (local.get $fresh))
)

;; Mixes two words of the blocks into four words of the states. (binaryen puts it in line.)
(func $mix
  (param $a v128) (param $b v128) (param $c v128) (param $d v128)
  (param $one v128) (param $two v128)
  (result v128 v128 v128 v128)
  (local.set $a (i32x4.add (i32x4.add (local.get $a) (local.get $one)) (local.get $b)))
  (local.set $d (v128.xor (local.get $d) (local.get $a)))
  (local.set $d
    (i8x16.shuffle 2 3 0 1 6 7 4 5 10 11 8 9 14 15 12 13 (local.get $d) (local.get $d)))
  (local.set $c (i32x4.add (local.get $c) (local.get $d)))
  (local.set $b (v128.xor (local.get $b) (local.get $c)))
  (local.set $b (v128.or
    (i32x4.shr_u (local.get $b) (i32.const 12)) (i32x4.shl (local.get $b) (i32.const 20))))
  (local.set $a (i32x4.add (i32x4.add (local.get $a) (local.get $two)) (local.get $b)))
  (local.set $d (v128.xor (local.get $d) (local.get $a)))
  (local.set $d
    (i8x16.shuffle 1 2 3 0 5 6 7 4 9 10 11 8 13 14 15 12 (local.get $d) (local.get $d)))
  (local.set $c (i32x4.add (local.get $c) (local.get $d)))
  (local.set $b (v128.xor (local.get $b) (local.get $c)))
  (local.set $b (v128.or
    (i32x4.shr_u (local.get $b) (i32.const 7)) (i32x4.shl (local.get $b) (i32.const 25))))
  (local.get $a) (local.get $b) (local.get $c) (local.get $d)
)
