;; Kernels over columns: numbers that lie in a row in linear memory.
;;
;; This file is a module of its own; scripts/build_wasm.ts puts `(module …)` around it. It has no
;; memory: it works on the one that it is given, which is the arena of wasm/columns.ts, or that of a
;; handler which imports these functions.
;;
;; A pointer is in bytes, a count in elements. Where a function writes to `$to`, it may be where it
;; reads, or elsewhere, but must not overlap with it in part. Nothing is checked: whoever calls has.
;;
;;   sum_f64(at, count): f64                       dot_f64(x, y, count): f64
;;   minmax_f64(at, count, out)                    out: minimum, maximum
;;   stats_f64(at, count, out)                     out: sum, minimum, maximum, mean, variance
;;   correlation_f64(x, y, count): f64
;;   scale_f64(to, at, count, factor)              clamp_f64(to, at, count, low, high)
;;   map_linear_f64(to, at, count, factor, term)   normalize_f64(to, at, count, factor, low, range)
;;   add_f64, sub_f64, mul_f64(to, x, y, count)
;;   sum_i32(at, count): i64                       total_i32(at, count): f64
;;
;; How many accumulators a loop has was measured: a sum is done when its loads are, with 8; minimum
;; and maximum keep their ports busy with 4; the moments with 2, and more would not fit the
;; registers. The lanes are added up in one order, which the twin has as well: both give the same
;; bits, but for those of a NaN.
;;
;; Errors do not grow with a column: `sum_f64` and `dot_f64` add up blocks of it in lanes of 512
;; numbers, and the blocks with what each addition of them loses. So a sum is off by less than 2^-43
;; of the sum of the magnitudes.
;;
;; SIMD of 128 bits is all that is needed. Nothing is fused and nothing relaxed, so results do not
;; depend on the machine.

(import "driftless" "memory" (memory 1))

;; What additions lose is known exactly, and added at the end.
(func (export "sum_f64") (param $at i32) (param $count i32) (result f64)
  (local $sum f64) (local $lost f64)
  (local $block f64) (local $next f64) (local $added f64) (local $now i32)
  (if (i32.le_u (local.get $count) (i32.const 8192))
    (then (return (call $sum_block (local.get $at) (local.get $count)))))
  (loop $blocks
    (local.set $now (select (i32.const 8192) (local.get $count)
      (i32.gt_u (local.get $count) (i32.const 8192))))
    (local.set $block (call $sum_block (local.get $at) (local.get $now)))
    (local.set $next (f64.add (local.get $sum) (local.get $block)))
    (local.set $added (f64.sub (local.get $next) (local.get $sum)))
    (local.set $lost (f64.add (local.get $lost) (f64.add
      (f64.sub (local.get $sum) (f64.sub (local.get $next) (local.get $added)))
      (f64.sub (local.get $block) (local.get $added)))))
    (local.set $sum (local.get $next))
    (local.set $at (i32.add (local.get $at) (i32.const 65536)))
    (br_if $blocks (local.tee $count (i32.sub (local.get $count) (local.get $now)))))
  (call $with (local.get $sum) (local.get $lost)))

;; An infinity has lost what is no number.
(func $with (param $sum f64) (param $lost f64) (result f64)
  (select (f64.add (local.get $sum) (local.get $lost)) (local.get $sum)
    (f64.eq (local.get $lost) (local.get $lost))))

;; Eight accumulators: four on the first half of the block, four on the second. Two streams get more
;; out of memory than one, and long turns more out of engines.
(func $sum_block (param $at i32) (param $count i32) (result f64)
  (local $end i32) (local $next i32)
  (local $a v128) (local $b v128) (local $c v128) (local $d v128)
  (local $e v128) (local $f v128) (local $g v128) (local $h v128)
  (local.set $end (i32.add (local.get $at)
    (i32.shl (i32.shr_u (local.get $count) (i32.const 6)) (i32.const 8))))
  (local.set $next (local.get $end))
  (if (i32.ne (local.get $at) (local.get $end))
    (then (loop $turns
      (local.set $a (f64x2.add (local.get $a) (v128.load (local.get $at))))
      (local.set $e (f64x2.add (local.get $e) (v128.load (local.get $next))))
      (local.set $b (f64x2.add (local.get $b) (v128.load offset=16 (local.get $at))))
      (local.set $f (f64x2.add (local.get $f) (v128.load offset=16 (local.get $next))))
      (local.set $c (f64x2.add (local.get $c) (v128.load offset=32 (local.get $at))))
      (local.set $g (f64x2.add (local.get $g) (v128.load offset=32 (local.get $next))))
      (local.set $d (f64x2.add (local.get $d) (v128.load offset=48 (local.get $at))))
      (local.set $h (f64x2.add (local.get $h) (v128.load offset=48 (local.get $next))))
      (local.set $a (f64x2.add (local.get $a) (v128.load offset=64 (local.get $at))))
      (local.set $e (f64x2.add (local.get $e) (v128.load offset=64 (local.get $next))))
      (local.set $b (f64x2.add (local.get $b) (v128.load offset=80 (local.get $at))))
      (local.set $f (f64x2.add (local.get $f) (v128.load offset=80 (local.get $next))))
      (local.set $c (f64x2.add (local.get $c) (v128.load offset=96 (local.get $at))))
      (local.set $g (f64x2.add (local.get $g) (v128.load offset=96 (local.get $next))))
      (local.set $d (f64x2.add (local.get $d) (v128.load offset=112 (local.get $at))))
      (local.set $h (f64x2.add (local.get $h) (v128.load offset=112 (local.get $next))))
      (local.set $a (f64x2.add (local.get $a) (v128.load offset=128 (local.get $at))))
      (local.set $e (f64x2.add (local.get $e) (v128.load offset=128 (local.get $next))))
      (local.set $b (f64x2.add (local.get $b) (v128.load offset=144 (local.get $at))))
      (local.set $f (f64x2.add (local.get $f) (v128.load offset=144 (local.get $next))))
      (local.set $c (f64x2.add (local.get $c) (v128.load offset=160 (local.get $at))))
      (local.set $g (f64x2.add (local.get $g) (v128.load offset=160 (local.get $next))))
      (local.set $d (f64x2.add (local.get $d) (v128.load offset=176 (local.get $at))))
      (local.set $h (f64x2.add (local.get $h) (v128.load offset=176 (local.get $next))))
      (local.set $a (f64x2.add (local.get $a) (v128.load offset=192 (local.get $at))))
      (local.set $e (f64x2.add (local.get $e) (v128.load offset=192 (local.get $next))))
      (local.set $b (f64x2.add (local.get $b) (v128.load offset=208 (local.get $at))))
      (local.set $f (f64x2.add (local.get $f) (v128.load offset=208 (local.get $next))))
      (local.set $c (f64x2.add (local.get $c) (v128.load offset=224 (local.get $at))))
      (local.set $g (f64x2.add (local.get $g) (v128.load offset=224 (local.get $next))))
      (local.set $d (f64x2.add (local.get $d) (v128.load offset=240 (local.get $at))))
      (local.set $h (f64x2.add (local.get $h) (v128.load offset=240 (local.get $next))))
      (local.set $next (i32.add (local.get $next) (i32.const 256)))
      (br_if $turns (i32.ne (local.get $end)
        (local.tee $at (i32.add (local.get $at) (i32.const 256))))))))
  ;; Up to 63 are left.
  (local.set $at (local.get $next))
  (local.set $end (i32.add (local.get $at)
    (i32.shl (i32.and (local.get $count) (i32.const 56)) (i32.const 3))))
  (if (i32.ne (local.get $at) (local.get $end))
    (then (loop $eights
      (local.set $a (f64x2.add (local.get $a) (v128.load (local.get $at))))
      (local.set $b (f64x2.add (local.get $b) (v128.load offset=16 (local.get $at))))
      (local.set $c (f64x2.add (local.get $c) (v128.load offset=32 (local.get $at))))
      (local.set $d (f64x2.add (local.get $d) (v128.load offset=48 (local.get $at))))
      (br_if $eights (i32.ne (local.get $end)
        (local.tee $at (i32.add (local.get $at) (i32.const 64))))))))
  (local.set $end (i32.add (local.get $at)
    (i32.shl (i32.and (local.get $count) (i32.const 7)) (i32.const 3))))
  (if (i32.ne (local.get $at) (local.get $end))
    (then (loop $rest
      (local.set $a (f64x2.add (local.get $a) (v128.load64_zero (local.get $at))))
      (br_if $rest (i32.ne (local.get $end)
        (local.tee $at (i32.add (local.get $at) (i32.const 8))))))))
  (call $lanes (f64x2.add
    (f64x2.add
      (f64x2.add (local.get $a) (local.get $b)) (f64x2.add (local.get $c) (local.get $d)))
    (f64x2.add
      (f64x2.add (local.get $e) (local.get $f)) (f64x2.add (local.get $g) (local.get $h))))))

(func $lanes (param $v v128) (result f64)
  (f64.add (f64x2.extract_lane 0 (local.get $v)) (f64x2.extract_lane 1 (local.get $v))))

(func (export "dot_f64") (param $x i32) (param $y i32) (param $count i32) (result f64)
  (local $sum f64) (local $lost f64)
  (local $block f64) (local $next f64) (local $added f64) (local $now i32)
  (if (i32.le_u (local.get $count) (i32.const 4096))
    (then (return (call $dot_block (local.get $x) (local.get $y) (local.get $count)))))
  (loop $blocks
    (local.set $now (select (i32.const 4096) (local.get $count)
      (i32.gt_u (local.get $count) (i32.const 4096))))
    (local.set $block (call $dot_block (local.get $x) (local.get $y) (local.get $now)))
    (local.set $next (f64.add (local.get $sum) (local.get $block)))
    (local.set $added (f64.sub (local.get $next) (local.get $sum)))
    (local.set $lost (f64.add (local.get $lost) (f64.add
      (f64.sub (local.get $sum) (f64.sub (local.get $next) (local.get $added)))
      (f64.sub (local.get $block) (local.get $added)))))
    (local.set $sum (local.get $next))
    (local.set $x (i32.add (local.get $x) (i32.const 32768)))
    (local.set $y (i32.add (local.get $y) (i32.const 32768)))
    (br_if $blocks (local.tee $count (i32.sub (local.get $count) (local.get $now)))))
  (call $with (local.get $sum) (local.get $lost)))

(func $dot_block (param $x i32) (param $y i32) (param $count i32) (result f64)
  (local $end i32) (local $a v128) (local $b v128) (local $c v128) (local $d v128)
  (local.set $end (i32.add (local.get $x)
    (i32.shl (i32.shr_u (local.get $count) (i32.const 3)) (i32.const 6))))
  (if (i32.ne (local.get $x) (local.get $end))
    (then (loop $blocks
      (local.set $a (f64x2.add (local.get $a) (f64x2.mul
        (v128.load (local.get $x)) (v128.load (local.get $y)))))
      (local.set $b (f64x2.add (local.get $b) (f64x2.mul
        (v128.load offset=16 (local.get $x)) (v128.load offset=16 (local.get $y)))))
      (local.set $c (f64x2.add (local.get $c) (f64x2.mul
        (v128.load offset=32 (local.get $x)) (v128.load offset=32 (local.get $y)))))
      (local.set $d (f64x2.add (local.get $d) (f64x2.mul
        (v128.load offset=48 (local.get $x)) (v128.load offset=48 (local.get $y)))))
      (local.set $y (i32.add (local.get $y) (i32.const 64)))
      (br_if $blocks (i32.ne (local.get $end)
        (local.tee $x (i32.add (local.get $x) (i32.const 64))))))))
  (local.set $end (i32.add (local.get $x)
    (i32.shl (i32.and (local.get $count) (i32.const 7)) (i32.const 3))))
  (if (i32.ne (local.get $x) (local.get $end))
    (then (loop $rest
      (local.set $a (f64x2.add (local.get $a) (f64x2.mul
        (v128.load64_zero (local.get $x)) (v128.load64_zero (local.get $y)))))
      (local.set $y (i32.add (local.get $y) (i32.const 8)))
      (br_if $rest (i32.ne (local.get $end)
        (local.tee $x (i32.add (local.get $x) (i32.const 8))))))))
  (call $lanes (f64x2.add
    (f64x2.add (local.get $a) (local.get $b)) (f64x2.add (local.get $c) (local.get $d)))))

;; A NaN is never less, and never more: it is passed over. Where there is nothing else, the minimum
;; is infinity, and the maximum minus infinity.
(func $minmax (export "minmax_f64") (param $at i32) (param $count i32) (param $out i32)
  (local $end i32) (local $x v128)
  (local $a v128) (local $b v128) (local $c v128) (local $d v128)
  (local $e v128) (local $f v128) (local $g v128) (local $h v128)
  (local.set $a (v128.const f64x2 inf inf))
  (local.set $b (local.get $a))
  (local.set $c (local.get $a))
  (local.set $d (local.get $a))
  (local.set $e (v128.const f64x2 -inf -inf))
  (local.set $f (local.get $e))
  (local.set $g (local.get $e))
  (local.set $h (local.get $e))
  (local.set $end (i32.add (local.get $at)
    (i32.shl (i32.shr_u (local.get $count) (i32.const 3)) (i32.const 6))))
  (if (i32.ne (local.get $at) (local.get $end))
    (then (loop $blocks
      (local.set $x (v128.load (local.get $at)))
      (local.set $a (f64x2.pmin (local.get $a) (local.get $x)))
      (local.set $e (f64x2.pmax (local.get $e) (local.get $x)))
      (local.set $x (v128.load offset=16 (local.get $at)))
      (local.set $b (f64x2.pmin (local.get $b) (local.get $x)))
      (local.set $f (f64x2.pmax (local.get $f) (local.get $x)))
      (local.set $x (v128.load offset=32 (local.get $at)))
      (local.set $c (f64x2.pmin (local.get $c) (local.get $x)))
      (local.set $g (f64x2.pmax (local.get $g) (local.get $x)))
      (local.set $x (v128.load offset=48 (local.get $at)))
      (local.set $d (f64x2.pmin (local.get $d) (local.get $x)))
      (local.set $h (f64x2.pmax (local.get $h) (local.get $x)))
      (br_if $blocks (i32.ne (local.get $end)
        (local.tee $at (i32.add (local.get $at) (i32.const 64))))))))
  (local.set $end (i32.add (local.get $at)
    (i32.shl (i32.and (local.get $count) (i32.const 7)) (i32.const 3))))
  (if (i32.ne (local.get $at) (local.get $end))
    (then (loop $rest
      (local.set $x (v128.load64_splat (local.get $at)))
      (local.set $a (f64x2.pmin (local.get $a) (local.get $x)))
      (local.set $e (f64x2.pmax (local.get $e) (local.get $x)))
      (br_if $rest (i32.ne (local.get $end)
        (local.tee $at (i32.add (local.get $at) (i32.const 8))))))))
  (call $store_bounds (local.get $out)
    (f64x2.pmin
      (f64x2.pmin (local.get $a) (local.get $b)) (f64x2.pmin (local.get $c) (local.get $d)))
    (f64x2.pmax
      (f64x2.pmax (local.get $e) (local.get $f)) (f64x2.pmax (local.get $g) (local.get $h)))))

;; Which zero was first must not show: adding 0 makes it the positive one.
(func $store_bounds (param $out i32) (param $min v128) (param $max v128)
  (v128.store (local.get $out) (f64x2.add (v128.const f64x2 0 0) (i8x16.shuffle
    0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23
    (f64x2.pmin (local.get $min) (call $turned (local.get $min)))
    (f64x2.pmax (local.get $max) (call $turned (local.get $max)))))))

(func $turned (param $v v128) (result v128)
  (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $v) (local.get $v)))

;; To add minus zero changes nothing.
(func (export "scale_f64") (param $to i32) (param $at i32) (param $count i32) (param $factor f64)
  (call $map_linear
    (local.get $to) (local.get $at) (local.get $count) (local.get $factor) (f64.const -0)))

;; A NaN stays what it is.
(func (export "clamp_f64") (param $to i32) (param $at i32) (param $count i32)
  (param $low f64) (param $high f64)
  (local $end i32) (local $lows v128) (local $highs v128)
  (local.set $lows (f64x2.splat (local.get $low)))
  (local.set $highs (f64x2.splat (local.get $high)))
  (local.set $end (i32.add (local.get $to)
    (i32.shl (i32.shr_u (local.get $count) (i32.const 3)) (i32.const 6))))
  (if (i32.ne (local.get $to) (local.get $end))
    (then (loop $blocks
      (v128.store (local.get $to) (f64x2.pmin
        (f64x2.pmax (v128.load (local.get $at)) (local.get $lows)) (local.get $highs)))
      (v128.store offset=16 (local.get $to) (f64x2.pmin
        (f64x2.pmax (v128.load offset=16 (local.get $at)) (local.get $lows)) (local.get $highs)))
      (v128.store offset=32 (local.get $to) (f64x2.pmin
        (f64x2.pmax (v128.load offset=32 (local.get $at)) (local.get $lows)) (local.get $highs)))
      (v128.store offset=48 (local.get $to) (f64x2.pmin
        (f64x2.pmax (v128.load offset=48 (local.get $at)) (local.get $lows)) (local.get $highs)))
      (local.set $at (i32.add (local.get $at) (i32.const 64)))
      (br_if $blocks (i32.ne (local.get $end)
        (local.tee $to (i32.add (local.get $to) (i32.const 64))))))))
  (local.set $end (i32.add (local.get $to)
    (i32.shl (i32.and (local.get $count) (i32.const 7)) (i32.const 3))))
  (if (i32.ne (local.get $to) (local.get $end))
    (then (loop $rest
      (v128.store64_lane 0 (local.get $to) (f64x2.pmin
        (f64x2.pmax (v128.load64_zero (local.get $at)) (local.get $lows)) (local.get $highs)))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $rest (i32.ne (local.get $end)
        (local.tee $to (i32.add (local.get $to) (i32.const 8)))))))))

(func $map_linear (export "map_linear_f64") (param $to i32) (param $at i32) (param $count i32)
  (param $factor f64) (param $term f64)
  (local $end i32) (local $factors v128) (local $terms v128)
  (local.set $factors (f64x2.splat (local.get $factor)))
  (local.set $terms (f64x2.splat (local.get $term)))
  (local.set $end (i32.add (local.get $to)
    (i32.shl (i32.shr_u (local.get $count) (i32.const 3)) (i32.const 6))))
  (if (i32.ne (local.get $to) (local.get $end))
    (then (if (i32.eq (local.get $to) (local.get $at))
      (then
        ;; Engines that check addresses check one only once: a column written in place is done sooner.
        (loop $places
          (v128.store (local.get $to) (f64x2.add
            (f64x2.mul (v128.load (local.get $to)) (local.get $factors)) (local.get $terms)))
          (v128.store offset=16 (local.get $to) (f64x2.add
            (f64x2.mul (v128.load offset=16 (local.get $to)) (local.get $factors)) (local.get $terms)))
          (v128.store offset=32 (local.get $to) (f64x2.add
            (f64x2.mul (v128.load offset=32 (local.get $to)) (local.get $factors)) (local.get $terms)))
          (v128.store offset=48 (local.get $to) (f64x2.add
            (f64x2.mul (v128.load offset=48 (local.get $to)) (local.get $factors)) (local.get $terms)))
          (br_if $places (i32.ne (local.get $end)
            (local.tee $to (i32.add (local.get $to) (i32.const 64))))))
        (local.set $at (local.get $to)))
      (else (loop $blocks
        (v128.store (local.get $to) (f64x2.add
          (f64x2.mul (v128.load (local.get $at)) (local.get $factors)) (local.get $terms)))
        (v128.store offset=16 (local.get $to) (f64x2.add
          (f64x2.mul (v128.load offset=16 (local.get $at)) (local.get $factors)) (local.get $terms)))
        (v128.store offset=32 (local.get $to) (f64x2.add
          (f64x2.mul (v128.load offset=32 (local.get $at)) (local.get $factors)) (local.get $terms)))
        (v128.store offset=48 (local.get $to) (f64x2.add
          (f64x2.mul (v128.load offset=48 (local.get $at)) (local.get $factors)) (local.get $terms)))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br_if $blocks (i32.ne (local.get $end)
          (local.tee $to (i32.add (local.get $to) (i32.const 64))))))))))
  (local.set $end (i32.add (local.get $to)
    (i32.shl (i32.and (local.get $count) (i32.const 7)) (i32.const 3))))
  (if (i32.ne (local.get $to) (local.get $end))
    (then (loop $rest
      (f64.store (local.get $to) (f64.add
        (f64.mul (f64.load (local.get $at)) (local.get $factor)) (local.get $term)))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $rest (i32.ne (local.get $end)
        (local.tee $to (i32.add (local.get $to) (i32.const 8)))))))))

;; Divides, so that what is highest becomes 1 and not almost 1; one vector at a time is as fast.
(func (export "normalize_f64") (param $to i32) (param $at i32) (param $count i32)
  (param $factor f64) (param $low f64) (param $range f64)
  (local $end i32) (local $factors v128) (local $lows v128) (local $ranges v128)
  (local.set $factors (f64x2.splat (local.get $factor)))
  (local.set $lows (f64x2.splat (local.get $low)))
  (local.set $ranges (f64x2.splat (local.get $range)))
  (local.set $end (i32.add (local.get $to)
    (i32.shl (i32.shr_u (local.get $count) (i32.const 1)) (i32.const 4))))
  (if (i32.ne (local.get $to) (local.get $end))
    (then (loop $blocks
      (v128.store (local.get $to) (f64x2.div (f64x2.sub
        (f64x2.mul (v128.load (local.get $at)) (local.get $factors))
        (local.get $lows)) (local.get $ranges)))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $blocks (i32.ne (local.get $end)
        (local.tee $to (i32.add (local.get $to) (i32.const 16))))))))
  (if (i32.and (local.get $count) (i32.const 1))
    (then
      (f64.store (local.get $to) (f64.div (f64.sub
        (f64.mul (f64.load (local.get $at)) (local.get $factor))
        (local.get $low)) (local.get $range))))))

(func (export "add_f64") (param $to i32) (param $x i32) (param $y i32) (param $count i32)
  (local $end i32)
  (local.set $end (i32.add (local.get $to)
    (i32.shl (i32.shr_u (local.get $count) (i32.const 3)) (i32.const 6))))
  (if (i32.ne (local.get $to) (local.get $end))
    (then (loop $blocks
      (v128.store (local.get $to) (f64x2.add
        (v128.load (local.get $x)) (v128.load (local.get $y))))
      (v128.store offset=16 (local.get $to) (f64x2.add
        (v128.load offset=16 (local.get $x)) (v128.load offset=16 (local.get $y))))
      (v128.store offset=32 (local.get $to) (f64x2.add
        (v128.load offset=32 (local.get $x)) (v128.load offset=32 (local.get $y))))
      (v128.store offset=48 (local.get $to) (f64x2.add
        (v128.load offset=48 (local.get $x)) (v128.load offset=48 (local.get $y))))
      (local.set $x (i32.add (local.get $x) (i32.const 64)))
      (local.set $y (i32.add (local.get $y) (i32.const 64)))
      (br_if $blocks (i32.ne (local.get $end)
        (local.tee $to (i32.add (local.get $to) (i32.const 64))))))))
  (local.set $end (i32.add (local.get $to)
    (i32.shl (i32.and (local.get $count) (i32.const 7)) (i32.const 3))))
  (if (i32.ne (local.get $to) (local.get $end))
    (then (loop $rest
      (f64.store (local.get $to) (f64.add
        (f64.load (local.get $x)) (f64.load (local.get $y))))
      (local.set $x (i32.add (local.get $x) (i32.const 8)))
      (local.set $y (i32.add (local.get $y) (i32.const 8)))
      (br_if $rest (i32.ne (local.get $end)
        (local.tee $to (i32.add (local.get $to) (i32.const 8)))))))))

(func (export "sub_f64") (param $to i32) (param $x i32) (param $y i32) (param $count i32)
  (local $end i32)
  (local.set $end (i32.add (local.get $to)
    (i32.shl (i32.shr_u (local.get $count) (i32.const 3)) (i32.const 6))))
  (if (i32.ne (local.get $to) (local.get $end))
    (then (loop $blocks
      (v128.store (local.get $to) (f64x2.sub
        (v128.load (local.get $x)) (v128.load (local.get $y))))
      (v128.store offset=16 (local.get $to) (f64x2.sub
        (v128.load offset=16 (local.get $x)) (v128.load offset=16 (local.get $y))))
      (v128.store offset=32 (local.get $to) (f64x2.sub
        (v128.load offset=32 (local.get $x)) (v128.load offset=32 (local.get $y))))
      (v128.store offset=48 (local.get $to) (f64x2.sub
        (v128.load offset=48 (local.get $x)) (v128.load offset=48 (local.get $y))))
      (local.set $x (i32.add (local.get $x) (i32.const 64)))
      (local.set $y (i32.add (local.get $y) (i32.const 64)))
      (br_if $blocks (i32.ne (local.get $end)
        (local.tee $to (i32.add (local.get $to) (i32.const 64))))))))
  (local.set $end (i32.add (local.get $to)
    (i32.shl (i32.and (local.get $count) (i32.const 7)) (i32.const 3))))
  (if (i32.ne (local.get $to) (local.get $end))
    (then (loop $rest
      (f64.store (local.get $to) (f64.sub
        (f64.load (local.get $x)) (f64.load (local.get $y))))
      (local.set $x (i32.add (local.get $x) (i32.const 8)))
      (local.set $y (i32.add (local.get $y) (i32.const 8)))
      (br_if $rest (i32.ne (local.get $end)
        (local.tee $to (i32.add (local.get $to) (i32.const 8)))))))))

(func (export "mul_f64") (param $to i32) (param $x i32) (param $y i32) (param $count i32)
  (local $end i32)
  (local.set $end (i32.add (local.get $to)
    (i32.shl (i32.shr_u (local.get $count) (i32.const 3)) (i32.const 6))))
  (if (i32.ne (local.get $to) (local.get $end))
    (then (loop $blocks
      (v128.store (local.get $to) (f64x2.mul
        (v128.load (local.get $x)) (v128.load (local.get $y))))
      (v128.store offset=16 (local.get $to) (f64x2.mul
        (v128.load offset=16 (local.get $x)) (v128.load offset=16 (local.get $y))))
      (v128.store offset=32 (local.get $to) (f64x2.mul
        (v128.load offset=32 (local.get $x)) (v128.load offset=32 (local.get $y))))
      (v128.store offset=48 (local.get $to) (f64x2.mul
        (v128.load offset=48 (local.get $x)) (v128.load offset=48 (local.get $y))))
      (local.set $x (i32.add (local.get $x) (i32.const 64)))
      (local.set $y (i32.add (local.get $y) (i32.const 64)))
      (br_if $blocks (i32.ne (local.get $end)
        (local.tee $to (i32.add (local.get $to) (i32.const 64))))))))
  (local.set $end (i32.add (local.get $to)
    (i32.shl (i32.and (local.get $count) (i32.const 7)) (i32.const 3))))
  (if (i32.ne (local.get $to) (local.get $end))
    (then (loop $rest
      (f64.store (local.get $to) (f64.mul
        (f64.load (local.get $x)) (f64.load (local.get $y))))
      (local.set $x (i32.add (local.get $x) (i32.const 8)))
      (local.set $y (i32.add (local.get $y) (i32.const 8)))
      (br_if $rest (i32.ne (local.get $end)
        (local.tee $to (i32.add (local.get $to) (i32.const 8)))))))))

;; Exact: what an i64 takes no column can exceed. Loads that widen would be faster in some engines,
;; and slower where each load is checked.
(func $sum_i32 (export "sum_i32") (param $at i32) (param $count i32) (result i64)
  (local $end i32) (local $x v128) (local $sum i64)
  (local $a v128) (local $b v128) (local $c v128) (local $d v128)
  (local.set $end (i32.add (local.get $at)
    (i32.shl (i32.shr_u (local.get $count) (i32.const 4)) (i32.const 6))))
  (if (i32.ne (local.get $at) (local.get $end))
    (then (loop $blocks
      (local.set $x (v128.load (local.get $at)))
      (local.set $a (i64x2.add (local.get $a) (i64x2.extend_low_i32x4_s (local.get $x))))
      (local.set $b (i64x2.add (local.get $b) (i64x2.extend_high_i32x4_s (local.get $x))))
      (local.set $x (v128.load offset=16 (local.get $at)))
      (local.set $c (i64x2.add (local.get $c) (i64x2.extend_low_i32x4_s (local.get $x))))
      (local.set $d (i64x2.add (local.get $d) (i64x2.extend_high_i32x4_s (local.get $x))))
      (local.set $x (v128.load offset=32 (local.get $at)))
      (local.set $a (i64x2.add (local.get $a) (i64x2.extend_low_i32x4_s (local.get $x))))
      (local.set $b (i64x2.add (local.get $b) (i64x2.extend_high_i32x4_s (local.get $x))))
      (local.set $x (v128.load offset=48 (local.get $at)))
      (local.set $c (i64x2.add (local.get $c) (i64x2.extend_low_i32x4_s (local.get $x))))
      (local.set $d (i64x2.add (local.get $d) (i64x2.extend_high_i32x4_s (local.get $x))))
      (br_if $blocks (i32.ne (local.get $end)
        (local.tee $at (i32.add (local.get $at) (i32.const 64))))))))
  (local.set $a (i64x2.add
    (i64x2.add (local.get $a) (local.get $b)) (i64x2.add (local.get $c) (local.get $d))))
  (local.set $sum (i64.add
    (i64x2.extract_lane 0 (local.get $a)) (i64x2.extract_lane 1 (local.get $a))))
  (local.set $end (i32.add (local.get $at)
    (i32.shl (i32.and (local.get $count) (i32.const 15)) (i32.const 2))))
  (if (i32.ne (local.get $at) (local.get $end))
    (then (loop $rest
      (local.set $sum (i64.add (local.get $sum) (i64.load32_s (local.get $at))))
      (br_if $rest (i32.ne (local.get $end)
        (local.tee $at (i32.add (local.get $at) (i32.const 4))))))))
  (local.get $sum))

;; For JavaScript, to which an i64 is a BigInt.
(func (export "total_i32") (param $at i32) (param $count i32) (result f64)
  (f64.convert_i64_s (call $sum_i32 (local.get $at) (local.get $count))))

;; One pass for all of it. The variance of the squares is good as long as the squares are not much
;; larger than it; where they are, as with values far from 0 that differ little, a second pass takes
;; the squares of the distances from the mean.
(func (export "stats_f64") (param $at i32) (param $count i32) (param $out i32)
  (local $end i32) (local $from i32) (local $x v128)
  (local $a v128) (local $b v128) (local $c v128) (local $d v128)
  (local $e v128) (local $f v128) (local $g v128) (local $h v128)
  (local $n f64) (local $sum f64) (local $squares f64) (local $variance f64)
  (local.set $from (local.get $at))
  (local.set $n (f64.convert_i32_u (local.get $count)))
  (local.set $e (v128.const f64x2 inf inf))
  (local.set $f (local.get $e))
  (local.set $g (v128.const f64x2 -inf -inf))
  (local.set $h (local.get $g))
  (local.set $end (i32.add (local.get $at)
    (i32.shl (i32.shr_u (local.get $count) (i32.const 3)) (i32.const 6))))
  (if (i32.ne (local.get $at) (local.get $end))
    (then (loop $blocks
      (local.set $x (v128.load (local.get $at)))
      (local.set $a (f64x2.add (local.get $a) (local.get $x)))
      (local.set $c (f64x2.add (local.get $c) (f64x2.mul (local.get $x) (local.get $x))))
      (local.set $e (f64x2.pmin (local.get $e) (local.get $x)))
      (local.set $g (f64x2.pmax (local.get $g) (local.get $x)))
      (local.set $x (v128.load offset=16 (local.get $at)))
      (local.set $b (f64x2.add (local.get $b) (local.get $x)))
      (local.set $d (f64x2.add (local.get $d) (f64x2.mul (local.get $x) (local.get $x))))
      (local.set $f (f64x2.pmin (local.get $f) (local.get $x)))
      (local.set $h (f64x2.pmax (local.get $h) (local.get $x)))
      (local.set $x (v128.load offset=32 (local.get $at)))
      (local.set $a (f64x2.add (local.get $a) (local.get $x)))
      (local.set $c (f64x2.add (local.get $c) (f64x2.mul (local.get $x) (local.get $x))))
      (local.set $e (f64x2.pmin (local.get $e) (local.get $x)))
      (local.set $g (f64x2.pmax (local.get $g) (local.get $x)))
      (local.set $x (v128.load offset=48 (local.get $at)))
      (local.set $b (f64x2.add (local.get $b) (local.get $x)))
      (local.set $d (f64x2.add (local.get $d) (f64x2.mul (local.get $x) (local.get $x))))
      (local.set $f (f64x2.pmin (local.get $f) (local.get $x)))
      (local.set $h (f64x2.pmax (local.get $h) (local.get $x)))
      (br_if $blocks (i32.ne (local.get $end)
        (local.tee $at (i32.add (local.get $at) (i32.const 64))))))))
  (local.set $end (i32.add (local.get $at)
    (i32.shl (i32.and (local.get $count) (i32.const 7)) (i32.const 3))))
  (if (i32.ne (local.get $at) (local.get $end))
    (then (loop $rest
      (local.set $x (v128.load64_zero (local.get $at)))
      (local.set $a (f64x2.add (local.get $a) (local.get $x)))
      (local.set $c (f64x2.add (local.get $c) (f64x2.mul (local.get $x) (local.get $x))))
      (local.set $x (v128.load64_splat (local.get $at)))
      (local.set $e (f64x2.pmin (local.get $e) (local.get $x)))
      (local.set $g (f64x2.pmax (local.get $g) (local.get $x)))
      (br_if $rest (i32.ne (local.get $end)
        (local.tee $at (i32.add (local.get $at) (i32.const 8))))))))
  (local.set $sum (call $lanes (f64x2.add (local.get $a) (local.get $b))))
  (local.set $squares (call $lanes (f64x2.add (local.get $c) (local.get $d))))
  (f64.store (local.get $out) (local.get $sum))
  (call $store_bounds (i32.add (local.get $out) (i32.const 8))
    (f64x2.pmin (local.get $e) (local.get $f)) (f64x2.pmax (local.get $g) (local.get $h)))
  (f64.store offset=24 (local.get $out) (f64.div (local.get $sum) (local.get $n)))
  (local.set $variance (f64.div
    (call $apart (local.get $squares) (local.get $sum) (local.get $sum) (local.get $n))
    (local.get $n)))
  (if (i32.eqz (call $is_sound (local.get $variance) (f64.div (local.get $squares) (local.get $n))))
    (then
      (local.set $variance (call $spread (local.get $from) (local.get $count)
        (f64.load offset=24 (local.get $out))))
      ;; A mean that is rounded must not give equal values a variance; this is 0, or NaN.
      (if (f64.eq (f64.load offset=8 (local.get $out)) (f64.load offset=16 (local.get $out)))
        (then (local.set $variance (f64.sub (local.get $sum) (local.get $sum)))))))
  (f64.store offset=32 (local.get $out) (local.get $variance)))

;; What is left of a sum of products when the means are taken off.
(func $apart (param $products f64) (param $x f64) (param $y f64) (param $n f64) (result f64)
  (f64.sub (local.get $products) (f64.mul (local.get $x) (f64.div (local.get $y) (local.get $n)))))

;; Whether a difference is not much smaller than what was taken from: 6 bits are lost, at most.
(func $is_sound (param $variance f64) (param $squares f64) (result i32)
  (f64.gt (local.get $variance) (f64.mul (local.get $squares) (f64.const 0.015625))))

;; The variance, of distances from a point near the mean.
(func $spread (param $at i32) (param $count i32) (param $point f64) (result f64)
  (local $end i32) (local $x v128) (local $points v128) (local $n f64)
  (local $a v128) (local $b v128) (local $c v128) (local $d v128)
  (local.set $points (f64x2.splat (local.get $point)))
  (local.set $n (f64.convert_i32_u (local.get $count)))
  (local.set $end (i32.add (local.get $at)
    (i32.shl (i32.shr_u (local.get $count) (i32.const 3)) (i32.const 6))))
  (if (i32.ne (local.get $at) (local.get $end))
    (then (loop $blocks
      (local.set $x (f64x2.sub (v128.load (local.get $at)) (local.get $points)))
      (local.set $a (f64x2.add (local.get $a) (local.get $x)))
      (local.set $c (f64x2.add (local.get $c) (f64x2.mul (local.get $x) (local.get $x))))
      (local.set $x (f64x2.sub (v128.load offset=16 (local.get $at)) (local.get $points)))
      (local.set $b (f64x2.add (local.get $b) (local.get $x)))
      (local.set $d (f64x2.add (local.get $d) (f64x2.mul (local.get $x) (local.get $x))))
      (local.set $x (f64x2.sub (v128.load offset=32 (local.get $at)) (local.get $points)))
      (local.set $a (f64x2.add (local.get $a) (local.get $x)))
      (local.set $c (f64x2.add (local.get $c) (f64x2.mul (local.get $x) (local.get $x))))
      (local.set $x (f64x2.sub (v128.load offset=48 (local.get $at)) (local.get $points)))
      (local.set $b (f64x2.add (local.get $b) (local.get $x)))
      (local.set $d (f64x2.add (local.get $d) (f64x2.mul (local.get $x) (local.get $x))))
      (br_if $blocks (i32.ne (local.get $end)
        (local.tee $at (i32.add (local.get $at) (i32.const 64))))))))
  (local.set $end (i32.add (local.get $at)
    (i32.shl (i32.and (local.get $count) (i32.const 7)) (i32.const 3))))
  (local.set $points (f64x2.replace_lane 1 (local.get $points) (f64.const 0)))
  (if (i32.ne (local.get $at) (local.get $end))
    (then (loop $rest
      (local.set $x (f64x2.sub (v128.load64_zero (local.get $at)) (local.get $points)))
      (local.set $a (f64x2.add (local.get $a) (local.get $x)))
      (local.set $c (f64x2.add (local.get $c) (f64x2.mul (local.get $x) (local.get $x))))
      (br_if $rest (i32.ne (local.get $end)
        (local.tee $at (i32.add (local.get $at) (i32.const 8))))))))
  (local.set $point (call $lanes (f64x2.add (local.get $a) (local.get $b))))
  (f64.div (f64.max (f64.const 0) (call $apart
      (call $lanes (f64x2.add (local.get $c) (local.get $d)))
      (local.get $point) (local.get $point) (local.get $n)))
    (local.get $n)))

;; Five moments in one pass, and once more about the means where they are far away.
(func (export "correlation_f64") (param $x i32) (param $y i32) (param $count i32) (result f64)
  (local $end i32) (local $u v128) (local $v v128) (local $n f64) (local $fx i32) (local $fy i32)
  (local $a0 v128) (local $b0 v128) (local $c0 v128) (local $d0 v128) (local $e0 v128)
  (local $a1 v128) (local $b1 v128) (local $c1 v128) (local $d1 v128) (local $e1 v128)
  (local $sure f64)
  (local.set $fx (local.get $x))
  (local.set $fy (local.get $y))
  (local.set $n (f64.convert_i32_u (local.get $count)))
  (local.set $end (i32.add (local.get $x)
    (i32.shl (i32.shr_u (local.get $count) (i32.const 2)) (i32.const 5))))
  (if (i32.ne (local.get $x) (local.get $end))
    (then (loop $blocks
      (local.set $u (v128.load (local.get $x)))
      (local.set $v (v128.load (local.get $y)))
      (local.set $a0 (f64x2.add (local.get $a0) (local.get $u)))
      (local.set $b0 (f64x2.add (local.get $b0) (local.get $v)))
      (local.set $c0 (f64x2.add (local.get $c0) (f64x2.mul (local.get $u) (local.get $u))))
      (local.set $d0 (f64x2.add (local.get $d0) (f64x2.mul (local.get $v) (local.get $v))))
      (local.set $e0 (f64x2.add (local.get $e0) (f64x2.mul (local.get $u) (local.get $v))))
      (local.set $u (v128.load offset=16 (local.get $x)))
      (local.set $v (v128.load offset=16 (local.get $y)))
      (local.set $a1 (f64x2.add (local.get $a1) (local.get $u)))
      (local.set $b1 (f64x2.add (local.get $b1) (local.get $v)))
      (local.set $c1 (f64x2.add (local.get $c1) (f64x2.mul (local.get $u) (local.get $u))))
      (local.set $d1 (f64x2.add (local.get $d1) (f64x2.mul (local.get $v) (local.get $v))))
      (local.set $e1 (f64x2.add (local.get $e1) (f64x2.mul (local.get $u) (local.get $v))))
      (local.set $y (i32.add (local.get $y) (i32.const 32)))
      (br_if $blocks (i32.ne (local.get $end)
        (local.tee $x (i32.add (local.get $x) (i32.const 32))))))))
  (local.set $end (i32.add (local.get $x)
    (i32.shl (i32.and (local.get $count) (i32.const 3)) (i32.const 3))))
  (if (i32.ne (local.get $x) (local.get $end))
    (then (loop $rest
      (local.set $u (v128.load64_zero (local.get $x)))
      (local.set $v (v128.load64_zero (local.get $y)))
      (local.set $a0 (f64x2.add (local.get $a0) (local.get $u)))
      (local.set $b0 (f64x2.add (local.get $b0) (local.get $v)))
      (local.set $c0 (f64x2.add (local.get $c0) (f64x2.mul (local.get $u) (local.get $u))))
      (local.set $d0 (f64x2.add (local.get $d0) (f64x2.mul (local.get $v) (local.get $v))))
      (local.set $e0 (f64x2.add (local.get $e0) (f64x2.mul (local.get $u) (local.get $v))))
      (local.set $y (i32.add (local.get $y) (i32.const 8)))
      (br_if $rest (i32.ne (local.get $end)
        (local.tee $x (i32.add (local.get $x) (i32.const 8))))))))
  (local.set $a0 (f64x2.add (local.get $a0) (local.get $a1)))
  (local.set $b0 (f64x2.add (local.get $b0) (local.get $b1)))
  (local.set $sure (call $ratio (local.get $a0) (local.get $b0)
    (f64x2.add (local.get $c0) (local.get $c1)) (f64x2.add (local.get $d0) (local.get $d1))
    (f64x2.add (local.get $e0) (local.get $e1))
    (local.get $n) (f64.const 0.015625) (f64.const nan)))
  (if (result f64) (f64.eq (local.get $sure) (local.get $sure))
    (then (local.get $sure))
    (else (call $correlation_about (local.get $fx) (local.get $fy) (local.get $count)
      (f64.div (call $lanes (local.get $a0)) (local.get $n))
      (f64.div (call $lanes (local.get $b0)) (local.get $n))))))

;; The correlation, from sums in lanes; `$none` where one of the columns varies by no more than a
;; share of its squares, or by so little that squares of it lose digits.
(func $ratio (param $x v128) (param $y v128) (param $xx v128) (param $yy v128) (param $xy v128)
  (param $n f64) (param $share f64) (param $none f64) (result f64)
  (local $sx f64) (local $sy f64) (local $sxx f64) (local $syy f64) (local $vx f64) (local $vy f64)
  (local.set $sx (call $lanes (local.get $x)))
  (local.set $sy (call $lanes (local.get $y)))
  (local.set $sxx (call $lanes (local.get $xx)))
  (local.set $syy (call $lanes (local.get $yy)))
  (local.set $vx (call $apart (local.get $sxx) (local.get $sx) (local.get $sx) (local.get $n)))
  (local.set $vy (call $apart (local.get $syy) (local.get $sy) (local.get $sy) (local.get $n)))
  (select (local.get $none)
    (f64.max (f64.const -1) (f64.min (f64.const 1) (f64.div
      (call $apart (call $lanes (local.get $xy)) (local.get $sx) (local.get $sy) (local.get $n))
      (f64.mul (f64.sqrt (local.get $vx)) (f64.sqrt (local.get $vy))))))
    (i32.or
      (f64.le (local.get $vx)
        (f64.add (f64.mul (local.get $sxx) (local.get $share)) (f64.const 0x1p-900)))
      (f64.le (local.get $vy)
        (f64.add (f64.mul (local.get $syy) (local.get $share)) (f64.const 0x1p-900))))))

;; 0 where one of the columns does not vary: equal values are all as far from a mean that is
;; rounded.
(func $correlation_about (param $x i32) (param $y i32) (param $count i32)
  (param $px f64) (param $py f64) (result f64)
  (local $end i32) (local $u v128) (local $v v128) (local $n f64)
  (local $pxs v128) (local $pys v128)
  (local $a0 v128) (local $b0 v128) (local $c0 v128) (local $d0 v128) (local $e0 v128)
  (local $a1 v128) (local $b1 v128) (local $c1 v128) (local $d1 v128) (local $e1 v128)
  (local.set $pxs (f64x2.splat (local.get $px)))
  (local.set $pys (f64x2.splat (local.get $py)))
  (local.set $n (f64.convert_i32_u (local.get $count)))
  (local.set $end (i32.add (local.get $x)
    (i32.shl (i32.shr_u (local.get $count) (i32.const 2)) (i32.const 5))))
  (if (i32.ne (local.get $x) (local.get $end))
    (then (loop $blocks
      (local.set $u (f64x2.sub (v128.load (local.get $x))
        (local.get $pxs)))
      (local.set $v (f64x2.sub (v128.load (local.get $y))
        (local.get $pys)))
      (local.set $a0 (f64x2.add (local.get $a0) (local.get $u)))
      (local.set $b0 (f64x2.add (local.get $b0) (local.get $v)))
      (local.set $c0 (f64x2.add (local.get $c0) (f64x2.mul (local.get $u) (local.get $u))))
      (local.set $d0 (f64x2.add (local.get $d0) (f64x2.mul (local.get $v) (local.get $v))))
      (local.set $e0 (f64x2.add (local.get $e0) (f64x2.mul (local.get $u) (local.get $v))))
      (local.set $u (f64x2.sub (v128.load offset=16 (local.get $x))
        (local.get $pxs)))
      (local.set $v (f64x2.sub (v128.load offset=16 (local.get $y))
        (local.get $pys)))
      (local.set $a1 (f64x2.add (local.get $a1) (local.get $u)))
      (local.set $b1 (f64x2.add (local.get $b1) (local.get $v)))
      (local.set $c1 (f64x2.add (local.get $c1) (f64x2.mul (local.get $u) (local.get $u))))
      (local.set $d1 (f64x2.add (local.get $d1) (f64x2.mul (local.get $v) (local.get $v))))
      (local.set $e1 (f64x2.add (local.get $e1) (f64x2.mul (local.get $u) (local.get $v))))
      (local.set $y (i32.add (local.get $y) (i32.const 32)))
      (br_if $blocks (i32.ne (local.get $end)
        (local.tee $x (i32.add (local.get $x) (i32.const 32))))))))
  (local.set $end (i32.add (local.get $x)
    (i32.shl (i32.and (local.get $count) (i32.const 3)) (i32.const 3))))
  (local.set $pxs (f64x2.replace_lane 1 (local.get $pxs) (f64.const 0)))
  (local.set $pys (f64x2.replace_lane 1 (local.get $pys) (f64.const 0)))
  (if (i32.ne (local.get $x) (local.get $end))
    (then (loop $rest
      (local.set $u (f64x2.sub (v128.load64_zero (local.get $x))
        (local.get $pxs)))
      (local.set $v (f64x2.sub (v128.load64_zero (local.get $y))
        (local.get $pys)))
      (local.set $a0 (f64x2.add (local.get $a0) (local.get $u)))
      (local.set $b0 (f64x2.add (local.get $b0) (local.get $v)))
      (local.set $c0 (f64x2.add (local.get $c0) (f64x2.mul (local.get $u) (local.get $u))))
      (local.set $d0 (f64x2.add (local.get $d0) (f64x2.mul (local.get $v) (local.get $v))))
      (local.set $e0 (f64x2.add (local.get $e0) (f64x2.mul (local.get $u) (local.get $v))))
      (local.set $y (i32.add (local.get $y) (i32.const 8)))
      (br_if $rest (i32.ne (local.get $end)
        (local.tee $x (i32.add (local.get $x) (i32.const 8))))))))
  (call $ratio (f64x2.add (local.get $a0) (local.get $a1))
    (f64x2.add (local.get $b0) (local.get $b1))
    (f64x2.add (local.get $c0) (local.get $c1)) (f64x2.add (local.get $d0) (local.get $d1))
    (f64x2.add (local.get $e0) (local.get $e1))
    (local.get $n) (f64.const 0x1p-20) (f64.const 0)))
