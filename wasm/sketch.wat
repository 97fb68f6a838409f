;; Sketches of sets: power sums over the integers modulo p = 2^61 - 1, and their decoding.
;;
;; The algorithm is, step by step, that of plain_sketch.ts, which explains it and is the oracle.
;;
;; Numbers are i64: "reduced" is below p, "loose" is below 2^61 + 8 and right modulo p. Polynomials
;; (the lowest power first) are kept as pairs of u32: bits 0-30 of a reduced coefficient, then bits
;; 31-60, so that their products need no shifts. Four products of low halves fit 64 bits.
;;
;; Memory, in bytes; a polynomial has up to 65 coefficients of 8 bytes:
;;
;;   0x1000   the sketch: up to 64 words                                   (u64, in and out)
;;   0x1200   of each factor, at its first root: u32 degree, u32 moved
;;   0x1400   1/k modulo p
;;   0x1800   the upper polynomial: its factors side by side, then its roots     (u64, out)
;;   0x1a00   the lower polynomial, likewise                                     (u64, out)
;;   0x1c00   the sketch as pairs, behind a zero
;;   0x2000   the series
;;   0x2400   the recurrence, scaled
;;   0x2800   zeros, then three recurrences at 0x2a00, 0x2e00 and 0x3200, zeros behind each
;;   0x3800   f, the factor that is being split
;;   0x3c00   h, and at 0x4000 the next h: 128 coefficients, of which the upper ones are a quotient
;;   0x4800   large and, at 0x5000, small: zeros before each, never written
;;   0x5400   a divisor of f, and at 0x5800 what f is when divided by it
;;   0x7000   a sketch that another one is added to: up to 1,024 words     (u64, in and out)
;;   0x9000   up to 4,096 elements, or the words of that other sketch            (u64, in)

(global $sketch_work (mut i32) (i32.const 0))

;; The field.

;; Any 64 bits, made loose.
(func $field_fold (param $x i64) (result i64)
  (i64.add
    (i64.and (local.get $x) (i64.const 0x1fffffffffffffff))
    (i64.shr_u (local.get $x) (i64.const 61))))

;; Any 64 bits, reduced.
(func $field_reduce (param $x i64) (result i64)
  (local.set $x (call $field_fold (local.get $x)))
  (select
    (i64.sub (local.get $x) (i64.const 0x1fffffffffffffff))
    (local.get $x)
    (i64.ge_u (local.get $x) (i64.const 0x1fffffffffffffff))))

;; high 2^62 + middle 2^31 + low + sum, loose, where low and middle are any 64 bits, high is below
;; 2^62 and sum is loose.
(func $field_collect (param $low i64) (param $middle i64) (param $high i64) (param $sum i64)
  (result i64)
  (call $field_fold
    (i64.add
      (i64.add (i64.shl (local.get $high) (i64.const 1)) (call $field_fold (local.get $low)))
      (i64.add
        (local.get $sum)
        (i64.add
          (i64.shr_u (local.get $middle) (i64.const 30))
          (i64.and
            (i64.shl (local.get $middle) (i64.const 31))
            (i64.const 0x1fffffffffffffff)))))))

;; The product of two loose numbers, loose.
(func $field_multiply (param $a i64) (param $b i64) (result i64)
  (local $a0 i64) (local $b0 i64)
  (local.set $a0 (i64.and (local.get $a) (i64.const 0x7fffffff)))
  (local.set $b0 (i64.and (local.get $b) (i64.const 0x7fffffff)))
  (local.set $a (i64.shr_u (local.get $a) (i64.const 31)))
  (local.set $b (i64.shr_u (local.get $b) (i64.const 31)))
  (call $field_collect
    (i64.mul (local.get $a0) (local.get $b0))
    (i64.add
      (i64.mul (local.get $a0) (local.get $b))
      (i64.mul (local.get $a) (local.get $b0)))
    (i64.mul (local.get $a) (local.get $b))
    (i64.const 0)))

;; a b - c d of loose numbers, loose.
(func $field_cross (param $a i64) (param $b i64) (param $c i64) (param $d i64) (result i64)
  (call $field_fold
    (i64.sub
      (i64.add (call $field_multiply (local.get $a) (local.get $b)) (i64.const 0x3ffffffffffffffe))
      (call $field_multiply (local.get $c) (local.get $d)))))

;; x to the power 2^times, loose.
(func $field_square (param $x i64) (param $times i32) (result i64)
  (loop $again
    (local.set $x (call $field_multiply (local.get $x) (local.get $x)))
    (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
  (local.get $x))

;; 1/x = x^(p-2), loose. The exponent is 59 ones in binary, then 01; the bits of 59 = 0b111011 below
;; its first say how to get from n ones to 2n or 2n + 1.
(func $field_inverse (param $x i64) (result i64)
  (local $power i64) (local $ones i32) (local $bit i32)
  (local.set $power (local.get $x))
  (local.set $ones (i32.const 1))
  (local.set $bit (i32.const 16))
  (loop $bits
    (local.set $power
      (call $field_multiply
        (local.get $power)
        (call $field_square (local.get $power) (local.get $ones))))
    (local.set $ones (i32.shl (local.get $ones) (i32.const 1)))
    (if (i32.and (i32.const 59) (local.get $bit))
      (then
        (local.set $power
          (call $field_multiply
            (local.get $x)
            (call $field_square (local.get $power) (i32.const 1))))
        (local.set $ones (i32.add (local.get $ones) (i32.const 1)))))
    (br_if $bits (local.tee $bit (i32.shr_u (local.get $bit) (i32.const 1)))))
  (call $field_multiply (local.get $x) (call $field_square (local.get $power) (i32.const 2))))

;; Coefficients.

(func $sketch_get (param $at i32) (result i64)
  (i64.or
    (i64.load32_u (local.get $at))
    (i64.shl (i64.load32_u offset=4 (local.get $at)) (i64.const 31))))

;; Puts any 64 bits, reduced.
(func $sketch_put (param $at i32) (param $x i64)
  (local.set $x (call $field_reduce (local.get $x)))
  (i64.store (local.get $at)
    (i64.or
      (i64.and (local.get $x) (i64.const 0x7fffffff))
      (i64.shl (i64.shr_u (local.get $x) (i64.const 31)) (i64.const 32)))))

;; The sum, loose, of n products: of the coefficients from a upwards with those from b downwards.
(func $sketch_dot (param $a i32) (param $b i32) (param $n i32) (result i64)
  (local $sum i64) (local $low i64) (local $middle i64) (local $high i64)
  (local $a0 i64) (local $a1 i64) (local $b0 i64) (local $b1 i64)
  (block $done
    (br_if $done (i32.le_s (local.get $n) (i32.const 0)))
    (loop $terms
      (local.set $a0 (i64.load32_u (local.get $a)))
      (local.set $a1 (i64.load32_u offset=4 (local.get $a)))
      (local.set $b0 (i64.load32_u (local.get $b)))
      (local.set $b1 (i64.load32_u offset=4 (local.get $b)))
      (local.set $low
        (i64.add (local.get $low) (i64.mul (local.get $a0) (local.get $b0))))
      (local.set $middle
        (i64.add
          (local.get $middle)
          (i64.add
            (i64.mul (local.get $a0) (local.get $b1))
            (i64.mul (local.get $a1) (local.get $b0)))))
      (local.set $high
        (i64.add (local.get $high) (i64.mul (local.get $a1) (local.get $b1))))
      (local.set $a (i32.add (local.get $a) (i32.const 8)))
      (local.set $b (i32.sub (local.get $b) (i32.const 8)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      ;; Four terms at the most between two collections.
      (br_if $terms (i32.and (local.get $n) (i32.const 3)))
      (local.set $sum
        (call $field_collect
          (local.get $low) (local.get $middle) (local.get $high) (local.get $sum)))
      (local.set $low (i64.const 0))
      (local.set $middle (i64.const 0))
      (local.set $high (i64.const 0))
      (br_if $terms (local.get $n))))
  (local.get $sum))

;; Adding.

;; Each lane of a, loose, times a number of which y has the halves (low low high high) and z the
;; same the other way round; loose.
(func $field_multiply_lanes
  (param $a v128) (param $y v128) (param $z v128) (param $p v128) (result v128)
  (local $middle v128)
  (local.set $a
    (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27
      (v128.and (local.get $a) (i64x2.splat (i64.const 0x7fffffff)))
      (i64x2.shr_u (local.get $a) (i32.const 31))))
  (local.set $middle
    (i64x2.add
      (i64x2.extmul_low_i32x4_u (local.get $a) (local.get $z))
      (i64x2.extmul_high_i32x4_u (local.get $a) (local.get $z))))
  (call $field_fold_lanes
    (i64x2.add
      (i64x2.add
        (i64x2.shl (i64x2.extmul_high_i32x4_u (local.get $a) (local.get $y)) (i32.const 1))
        (i64x2.extmul_low_i32x4_u (local.get $a) (local.get $y)))
      (i64x2.add
        (i64x2.shr_u (local.get $middle) (i32.const 30))
        (v128.and (i64x2.shl (local.get $middle) (i32.const 31)) (local.get $p))))
    (local.get $p)))

;; Any lanes, made loose.
(func $field_fold_lanes (param $x v128) (param $p v128) (result v128)
  (i64x2.add
    (v128.and (local.get $x) (local.get $p))
    (i64x2.shr_u (local.get $x) (i32.const 61))))

;; Adds elements, any 64 bits each, to the sketch at 0x1000, or takes them away. Four powers at a
;; time: x to x^4, then each of them times x^4, and so on; so a power waits only for the one four
;; before. Up to three words behind the last one are written too, and mean nothing.
(func $sketch_add (export "sketch_add")
  (param $words i32) (param $from i32) (param $count i32) (param $negative i32)
  (local $end i32) (local $at i32)
  (local $x i64) (local $square i64) (local $first i64) (local $second i64)
  (local $odd v128) (local $even v128) (local $y v128) (local $z v128) (local $p v128)
  (local.set $p (i64x2.splat (i64.const 0x1fffffffffffffff)))
  (local.set $end (i32.add (i32.const 0x1000) (i32.shl (local.get $words) (i32.const 3))))
  ;; Words that are not even loose could overflow.
  (call $sketch_settle (local.get $end))
  (block $done
    (br_if $done (i32.eqz (local.get $count)))
    (loop $elements
      (local.set $x (call $field_reduce (i64.load (local.get $from))))
      (local.set $square (call $field_multiply (local.get $x) (local.get $x)))
      (local.set $first
        (select
          (i64.sub (i64.const 0x1fffffffffffffff) (local.get $x))
          (local.get $x)
          (local.get $negative)))
      (local.set $second (call $field_multiply (local.get $first) (local.get $x)))
      (local.set $odd
        (i64x2.replace_lane 1 (i64x2.splat (local.get $first)) (local.get $second)))
      (local.set $even
        (i64x2.replace_lane 1
          (i64x2.splat (call $field_multiply (local.get $first) (local.get $square)))
          (call $field_multiply (local.get $second) (local.get $square))))
      (local.set $x (call $field_multiply (local.get $square) (local.get $square)))
      ;; Each half of x^4 twice in a lane: the upper one is at most 2^30, though x is only loose.
      (local.set $first
        (i64.mul
          (i64.and (local.get $x) (i64.const 0x7fffffff))
          (i64.const 0x100000001)))
      (local.set $second
        (i64.mul
          (i64.shr_u (local.get $x) (i64.const 31))
          (i64.const 0x100000001)))
      (local.set $y
        (i64x2.replace_lane 1 (i64x2.splat (local.get $first)) (local.get $second)))
      (local.set $z
        (i64x2.replace_lane 1 (i64x2.splat (local.get $second)) (local.get $first)))
      (local.set $at (i32.const 0x1000))
      (loop $powers
        (v128.store (local.get $at)
          (call $field_fold_lanes
            (i64x2.add (v128.load (local.get $at)) (local.get $odd))
            (local.get $p)))
        (v128.store offset=16 (local.get $at)
          (call $field_fold_lanes
            (i64x2.add (v128.load offset=16 (local.get $at)) (local.get $even))
            (local.get $p)))
        (local.set $odd
          (call $field_multiply_lanes
            (local.get $odd) (local.get $y) (local.get $z) (local.get $p)))
        (local.set $even
          (call $field_multiply_lanes
            (local.get $even) (local.get $y) (local.get $z) (local.get $p)))
        (br_if $powers
          (i32.lt_u
            (local.tee $at (i32.add (local.get $at) (i32.const 32)))
            (local.get $end))))
      (local.set $from (i32.add (local.get $from) (i32.const 8)))
      (br_if $elements (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))
  (call $sketch_settle (local.get $end)))

;; Reduces the words from 0x1000 to an end.
(func $sketch_settle (param $end i32)
  (loop $words
    (local.set $end (i32.sub (local.get $end) (i32.const 8)))
    (i64.store (local.get $end) (call $field_reduce (i64.load (local.get $end))))
    (br_if $words (i32.ne (local.get $end) (i32.const 0x1000)))))

;; Adds the words at 0x9000 to as many at 0x7000, or takes them away: any 64 bits each.
(func $sketch_merge (export "sketch_merge") (param $words i32) (param $negative i32)
  (local $at i32) (local $other i64)
  (loop $next
    (local.set $other (call $field_reduce (i64.load offset=0x9000 (local.get $at))))
    (if (local.get $negative)
      (then
        (local.set $other (i64.sub (i64.const 0x1fffffffffffffff) (local.get $other)))))
    (i64.store offset=0x7000 (local.get $at)
      (call $field_reduce
        (i64.add
          (call $field_fold (i64.load offset=0x7000 (local.get $at)))
          (local.get $other))))
    (local.set $at (i32.add (local.get $at) (i32.const 8)))
    (br_if $next (local.tee $words (i32.sub (local.get $words) (i32.const 1))))))

;; Decoding, in the order of the steps.

;; The series at 0x2000, of exp(-sum s_k z^k / k), from the sketch at 0x1c00.
(func $sketch_series (param $words i32)
  (local $k i64) (local $at i32)
  (i64.store (i32.const 0x1408) (i64.const 1))
  (i64.store (i32.const 0x2000) (i64.const 1))
  (local.set $k (i64.const 1))
  (loop $next
    (local.set $at (i32.shl (i32.wrap_i64 (local.get $k)) (i32.const 3)))
    ;; 1/k = -floor(p/k) / (p mod k), which is known already.
    (if (i64.gt_u (local.get $k) (i64.const 1))
      (then
        (i64.store offset=0x1400 (local.get $at)
          (call $field_multiply
            (i64.sub
              (i64.const 0x1fffffffffffffff)
              (i64.div_u (i64.const 0x1fffffffffffffff) (local.get $k)))
            (i64.load offset=0x1400
              (i32.shl
                (i32.wrap_i64 (i64.rem_u (i64.const 0x1fffffffffffffff) (local.get $k)))
                (i32.const 3)))))))
    (call $sketch_put
      (i32.add (local.get $at) (i32.const 0x2000))
      (i64.sub
        (i64.const 0x3ffffffffffffffe)
        (call $field_multiply
          (i64.load offset=0x1400 (local.get $at))
          (call $sketch_dot
            (i32.const 0x1c08)
            (i32.add (local.get $at) (i32.const 0x1ff8))
            (i32.wrap_i64 (local.get $k))))))
    (local.set $k (i64.add (local.get $k) (i64.const 1)))
    (br_if $next
      (local.tee $words (i32.sub (local.get $words) (i32.const 1))))))

;; The shortest recurrence of the series behind its term `surplus`, at 0x2400 and beginning with 1;
;; gives its order, or -1 when the terms do not determine it.
(func $sketch_recurrence (param $words i32) (param $surplus i32) (result i32)
  (local $recurrence i32) (local $former i32) (local $next i32)
  (local $miss i64) (local $former_miss i64)
  (local $order i32) (local $gap i32) (local $at i32) (local $power i32) (local $longer i32)
  (memory.fill (i32.const 0x2800) (i32.const 0) (i32.const 0xe00))
  (local.set $recurrence (i32.const 0x2a00))
  (local.set $former (i32.const 0x2e00))
  (local.set $next (i32.const 0x3200))
  (i64.store (local.get $recurrence) (i64.const 1))
  (i64.store (local.get $former) (i64.const 1))
  (local.set $former_miss (i64.const 1))
  (local.set $words (i32.sub (local.get $words) (local.get $surplus)))
  (block $done
    (loop $terms
      (br_if $done (i32.ge_s (local.get $at) (local.get $words)))
      (local.set $gap (i32.add (local.get $gap) (i32.const 8)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $miss
        (call $field_reduce
          (call $sketch_dot
            (local.get $recurrence)
            (i32.add
              (i32.const 0x2000)
              (i32.shl (i32.add (local.get $surplus) (local.get $at)) (i32.const 3)))
            (select
              (i32.add (local.get $order) (i32.const 1))
              (local.get $at)
              (i32.lt_s (local.get $order) (local.get $at))))))
      (br_if $terms (i64.eqz (local.get $miss)))
      (local.set $longer
        (i32.lt_s (i32.shl (local.get $order) (i32.const 1)) (local.get $at)))
      (if (local.get $longer)
        (then
          (local.set $order (i32.sub (local.get $at) (local.get $order)))
          (if (i32.gt_s (i32.shl (local.get $order) (i32.const 1)) (local.get $words))
            (then (return (i32.const -1))))))
      (local.set $power (i32.shl (local.get $order) (i32.const 3)))
      (loop $powers
        (call $sketch_put
          (i32.add (local.get $next) (local.get $power))
          (call $field_cross
            (local.get $former_miss)
            (call $sketch_get (i32.add (local.get $recurrence) (local.get $power)))
            (local.get $miss)
            (call $sketch_get
              (i32.sub
                (i32.add (local.get $former) (local.get $power))
                (local.get $gap)))))
        (local.set $power (i32.sub (local.get $power) (i32.const 8)))
        (br_if $powers (i32.ge_s (local.get $power) (i32.const 0))))
      ;; The three change places: what is not needed any more is overwritten next.
      (local.set $power (local.get $recurrence))
      (local.set $recurrence (local.get $next))
      (if (local.get $longer)
        (then
          (local.set $next (local.get $former))
          (local.set $former (local.get $power))
          (local.set $former_miss (local.get $miss))
          (local.set $gap (i32.const 0)))
        (else (local.set $next (local.get $power))))
      (br $terms)))
  (local.set $miss (call $field_inverse (call $sketch_get (local.get $recurrence))))
  (local.set $power (i32.shl (local.get $order) (i32.const 3)))
  (loop $scale
    (call $sketch_put
      (i32.add (i32.const 0x2400) (local.get $power))
      (call $field_multiply
        (local.get $miss)
        (call $sketch_get (i32.add (local.get $recurrence) (local.get $power)))))
    (local.set $power (i32.sub (local.get $power) (i32.const 8)))
    (br_if $scale (i32.ge_s (local.get $power) (i32.const 0))))
  (local.get $order))

;; Both polynomials, turned round and without their leading 1, from the recurrence and the series.
;; The lower one has the degree `order`, the upper one has `degree`, which is not less.
(func $sketch_fraction (param $order i32) (param $degree i32)
  (local $at i32)
  (block $done
    (loop $next
      (br_if $done (i32.ge_s (local.get $at) (local.get $degree)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (call $sketch_put
        (i32.add
          (i32.const 0x1800)
          (i32.shl (i32.sub (local.get $degree) (local.get $at)) (i32.const 3)))
        (call $sketch_dot
          (i32.const 0x2400)
          (i32.add (i32.const 0x2000) (i32.shl (local.get $at) (i32.const 3)))
          (i32.add
            (select
              (local.get $at)
              (local.get $order)
              (i32.lt_s (local.get $at) (local.get $order)))
            (i32.const 1))))
      (br_if $next (i32.gt_s (local.get $at) (local.get $order)))
      (i64.store offset=0x1a00
        (i32.shl (i32.sub (local.get $order) (local.get $at)) (i32.const 3))
        (i64.load offset=0x2400 (i32.shl (local.get $at) (i32.const 3))))
      (br $next))))

;; h^2 x modulo f of a degree, from one h to another. From the top down: what lies at the degree or
;; above is the quotient, the rest is what remains.
(func $sketch_square (param $h i32) (param $next i32) (param $degree i32)
  (local $at i32) (local $low i32) (local $high i32) (local $value i64) (local $middle i64)
  (local.set $at (i32.sub (i32.shl (local.get $degree) (i32.const 1)) (i32.const 1)))
  (loop $columns
    ;; h^2 at `at - 1`: products of two different coefficients count twice.
    (local.set $low
      (select
        (i32.sub (local.get $at) (local.get $degree))
        (i32.const 0)
        (i32.gt_s (local.get $at) (local.get $degree))))
    (local.set $high (i32.sub (i32.sub (local.get $at) (i32.const 1)) (local.get $low)))
    (local.set $value
      (i64.shl
        (call $sketch_dot
          (i32.add (local.get $h) (i32.shl (local.get $low) (i32.const 3)))
          (i32.add (local.get $h) (i32.shl (local.get $high) (i32.const 3)))
          (i32.shr_s
            (i32.add (i32.sub (local.get $high) (local.get $low)) (i32.const 1))
            (i32.const 1)))
        (i64.const 1)))
    (if (i32.and (local.get $at) (i32.const 1))
      (then
        (local.set $middle
          (call $sketch_get
            (i32.add
              (local.get $h)
              (i32.shl (i32.sub (local.get $at) (i32.const 1)) (i32.const 2)))))
        (local.set $value
          (i64.add
            (local.get $value)
            (call $field_multiply (local.get $middle) (local.get $middle))))))
    ;; Less the quotient so far, times f.
    (local.set $low
      (select
        (i32.sub (i32.add (local.get $at) (i32.const 1)) (local.get $degree))
        (i32.const 0)
        (i32.ge_s (local.get $at) (local.get $degree))))
    (local.set $high (i32.sub (local.get $at) (local.get $low)))
    (call $sketch_put
      (i32.add (local.get $next) (i32.shl (local.get $at) (i32.const 3)))
      (i64.sub
        (i64.add (local.get $value) (i64.const 0x3ffffffffffffffe))
        (call $sketch_dot
          (i32.add
            (local.get $next)
            (i32.shl (i32.add (local.get $degree) (local.get $low)) (i32.const 3)))
          (i32.add (i32.const 0x3800) (i32.shl (local.get $high) (i32.const 3)))
          (i32.add (i32.sub (local.get $high) (local.get $low)) (i32.const 1)))))
    (local.set $at (i32.sub (local.get $at) (i32.const 1)))
    (br_if $columns (i32.ge_s (local.get $at) (i32.const 0)))))

;; The degree of a polynomial that has at most this one; -1 when it is zero.
(func $sketch_degree (param $polynomial i32) (param $degree i32) (result i32)
  (loop $down
    (if (i32.ge_s (local.get $degree) (i32.const 0))
      (then
        (if
          (i64.eqz
            (i64.load
              (i32.add (local.get $polynomial) (i32.shl (local.get $degree) (i32.const 3)))))
          (then
            (local.set $degree (i32.sub (local.get $degree) (i32.const 1)))
            (br $down))))))
  (local.get $degree))

;; The greatest common divisor of f, of a degree, and h, monic at 0x5400; gives its degree. Without
;; divisions until the end, so that each remainder is only right up to a factor.
(func $sketch_divisor (param $h i32) (param $degree i32) (result i32)
  (local $large i32) (local $small i32) (local $other i32)
  (local $top i64) (local $scale i64) (local $at i32) (local $gap i32)
  (local.set $large (i32.const 0x4800))
  (local.set $small (i32.const 0x5000))
  (local.set $at (i32.shl (i32.add (local.get $degree) (i32.const 1)) (i32.const 3)))
  (memory.copy (local.get $large) (i32.const 0x3800) (local.get $at))
  (memory.copy (local.get $small) (local.get $h) (local.get $at))
  (local.set $other
    (call $sketch_degree (local.get $small) (i32.sub (local.get $degree) (i32.const 1))))
  (block $done
    (loop $rounds
      (br_if $done (i32.lt_s (local.get $other) (i32.const 0)))
      (local.set $scale
        (call $sketch_get
          (i32.add (local.get $small) (i32.shl (local.get $other) (i32.const 3)))))
      (loop $steps
        (local.set $at (i32.shl (local.get $degree) (i32.const 3)))
        (local.set $top (call $sketch_get (i32.add (local.get $large) (local.get $at))))
        (local.set $gap
          (i32.shl (i32.sub (local.get $degree) (local.get $other)) (i32.const 3)))
        (loop $coefficients
          (call $sketch_put
            (i32.add (local.get $large) (local.get $at))
            (call $field_cross
              (local.get $scale)
              (call $sketch_get (i32.add (local.get $large) (local.get $at)))
              (local.get $top)
              (call $sketch_get
                (i32.sub
                  (i32.add (local.get $small) (local.get $at))
                  (local.get $gap)))))
          (local.set $at (i32.sub (local.get $at) (i32.const 8)))
          (br_if $coefficients (i32.ge_s (local.get $at) (i32.const 0))))
        (local.set $degree
          (call $sketch_degree
            (local.get $large)
            (i32.sub (local.get $degree) (i32.const 1))))
        (br_if $steps (i32.ge_s (local.get $degree) (local.get $other))))
      (local.set $at (local.get $large))
      (local.set $large (local.get $small))
      (local.set $small (local.get $at))
      (local.set $at (local.get $degree))
      (local.set $degree (local.get $other))
      (local.set $other (local.get $at))
      (br $rounds)))
  (local.set $at (i32.shl (local.get $degree) (i32.const 3)))
  (local.set $scale
    (call $field_inverse (call $sketch_get (i32.add (local.get $large) (local.get $at)))))
  (loop $coefficients
    (call $sketch_put
      (i32.add (i32.const 0x5400) (local.get $at))
      (call $field_multiply
        (local.get $scale)
        (call $sketch_get (i32.add (local.get $large) (local.get $at)))))
    (local.set $at (i32.sub (local.get $at) (i32.const 8)))
    (br_if $coefficients (i32.ge_s (local.get $at) (i32.const 0))))
  (local.get $degree))

;; f(x - 1) in the place of f: all roots are one higher.
(func $sketch_move (param $degree i32)
  (local $at i32) (local $low i32) (local $end i32)
  (local.set $low (i32.const 0x3800))
  (local.set $end (i32.add (i32.const 0x3800) (i32.shl (local.get $degree) (i32.const 3))))
  (loop $lows
    (local.set $at (local.get $end))
    (loop $coefficients
      (local.set $at (i32.sub (local.get $at) (i32.const 8)))
      (call $sketch_put
        (local.get $at)
        (i64.sub
          (i64.add (call $sketch_get (local.get $at)) (i64.const 0x1fffffffffffffff))
          (call $sketch_get (i32.add (local.get $at) (i32.const 8)))))
      (br_if $coefficients (i32.gt_u (local.get $at) (local.get $low))))
    (local.set $low (i32.add (local.get $low) (i32.const 8)))
    (br_if $lows (i32.lt_u (local.get $low) (local.get $end)))))

;; h = x^((p-1)/2) modulo f: where it is, or 0 when f has not its roots. The exponent is 60 ones in
;; binary; up to the degree a power of x is itself.
(func $sketch_power (param $degree i32) (result i32)
  (local $h i32) (local $next i32) (local $last i32) (local $power i32) (local $times i32)
  (local.set $h (i32.const 0x3c00))
  (local.set $next (i32.const 0x4000))
  (local.set $power (i32.const 1))
  (local.set $times (i32.const 60))
  (loop $small
    (local.set $last (local.get $power))
    (local.set $power (i32.add (i32.shl (local.get $power) (i32.const 1)) (i32.const 1)))
    (local.set $times (i32.sub (local.get $times) (i32.const 1)))
    (br_if $small (i32.lt_s (local.get $power) (local.get $degree))))
  (memory.fill (local.get $h) (i32.const 0) (i32.shl (local.get $degree) (i32.const 3)))
  (i64.store offset=0x3c00 (i32.shl (local.get $last) (i32.const 3)) (i64.const 1))
  (loop $powers
    (call $sketch_square (local.get $h) (local.get $next) (local.get $degree))
    (local.set $last (local.get $h))
    (local.set $h (local.get $next))
    (local.set $next (local.get $last))
    (br_if $powers (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
  ;; Once more is x^p, which has to be x.
  (call $sketch_square (local.get $h) (local.get $next) (local.get $degree))
  (i64.store offset=8 (local.get $next)
    (i64.sub (i64.load offset=8 (local.get $next)) (i64.const 1)))
  (select
    (local.get $h)
    (i32.const 0)
    (i32.lt_s
      (call $sketch_degree (local.get $next) (i32.sub (local.get $degree) (i32.const 1)))
      (i32.const 0))))

;; What f is when it is divided by the divisor of the degree `part`: `rest` is the degree of that.
(func $sketch_quotient (param $part i32) (param $rest i32)
  (local $at i32) (local $count i32)
  (i64.store offset=0x5800 (i32.shl (local.get $rest) (i32.const 3)) (i64.const 1))
  (local.set $at (local.get $rest))
  (loop $coefficients
    (local.set $at (i32.sub (local.get $at) (i32.const 1)))
    (local.set $count (i32.sub (local.get $rest) (local.get $at)))
    (call $sketch_put
      (i32.add (i32.const 0x5800) (i32.shl (local.get $at) (i32.const 3)))
      (i64.sub
        (i64.add
          (call $sketch_get
            (i32.add
              (i32.const 0x3800)
              (i32.shl (i32.add (local.get $at) (local.get $part)) (i32.const 3))))
          (i64.const 0x3ffffffffffffffe))
        (call $sketch_dot
          (i32.add (i32.const 0x5808) (i32.shl (local.get $at) (i32.const 3)))
          (i32.add (i32.const 0x53f8) (i32.shl (local.get $part) (i32.const 3)))
          (select
            (local.get $count)
            (local.get $part)
            (i32.lt_s (local.get $count) (local.get $part))))))
    (br_if $coefficients (local.get $at))))

;; One attempt to split the factor whose coefficients are here, and whose degree and moves are at
;; `state`; gives 0 when it has not its roots, or the work is spent.
(func $sketch_split (param $factor i32) (param $state i32) (result i32)
  (local $degree i32) (local $bytes i32) (local $h i32) (local $part i32) (local $rest i32)
  (local.set $degree (i32.load (local.get $state)))
  (local.set $bytes (i32.shl (local.get $degree) (i32.const 3)))
  (global.set $sketch_work
    (i32.sub (global.get $sketch_work) (i32.mul (local.get $degree) (local.get $degree))))
  (if (i32.lt_s (global.get $sketch_work) (i32.const 0)) (then (return (i32.const 0))))
  (memory.copy (i32.const 0x3800) (local.get $factor) (local.get $bytes))
  (i64.store offset=0x3800 (local.get $bytes) (i64.const 1))
  (call $sketch_move (local.get $degree))
  (memory.copy (local.get $factor) (i32.const 0x3800) (local.get $bytes))
  (i32.store offset=4 (local.get $state)
    (i32.add (i32.load offset=4 (local.get $state)) (i32.const 1)))
  (if (i32.eqz (local.tee $h (call $sketch_power (local.get $degree))))
    (then (return (i32.const 0))))
  (call $sketch_put
    (local.get $h)
    (i64.add (call $sketch_get (local.get $h)) (i64.const 0x1ffffffffffffffe)))
  (local.set $part (call $sketch_divisor (local.get $h) (local.get $degree)))
  (local.set $rest (i32.sub (local.get $degree) (local.get $part)))
  (if (i32.eqz (i32.mul (local.get $rest) (local.get $part))) (then (return (i32.const 1))))
  (call $sketch_quotient (local.get $part) (local.get $rest))
  (local.set $bytes (i32.shl (local.get $part) (i32.const 3)))
  (memory.copy (local.get $factor) (i32.const 0x5400) (local.get $bytes))
  (memory.copy
    (i32.add (local.get $factor) (local.get $bytes))
    (i32.const 0x5800)
    (i32.shl (local.get $rest) (i32.const 3)))
  ;; The parts have moved as often.
  (i32.store (local.get $state) (local.get $part))
  (local.set $bytes (i32.add (local.get $state) (local.get $bytes)))
  (i32.store (local.get $bytes) (local.get $rest))
  (i32.store offset=4 (local.get $bytes) (i32.load offset=4 (local.get $state)))
  (i32.const 1))

;; Both roots of x^2 + b x + c, less the moves, in the place of c and b; gives 0 when they are not
;; two in the field. 59 squarings take a square to its root.
(func $sketch_pair (param $factor i32) (param $moved i64) (result i32)
  (local $b i64) (local $square i64) (local $root i64)
  (local.set $b (call $sketch_get (i32.add (local.get $factor) (i32.const 8))))
  (local.set $square
    (call $field_reduce
      (i64.sub
        (i64.add
          (call $field_multiply (local.get $b) (local.get $b))
          (i64.const 0x7ffffffffffffffc))
        (i64.shl (call $sketch_get (local.get $factor)) (i64.const 2)))))
  (local.set $root (call $field_square (local.get $square) (i32.const 59)))
  (if
    (i32.or
      (i64.eqz (local.get $square))
      (i64.ne
        (call $field_reduce (call $field_square (local.get $root) (i32.const 1)))
        (local.get $square)))
    (then (return (i32.const 0))))
  (i64.store (local.get $factor)
    (call $sketch_half
      (i64.sub
        (i64.add (local.get $root) (i64.const 0x1fffffffffffffff))
        (local.get $b))
      (local.get $moved)))
  (i64.store offset=8 (local.get $factor)
    (call $sketch_half
      (i64.sub
        (i64.sub (i64.const 0x5ffffffffffffffd) (local.get $root))
        (local.get $b))
      (local.get $moved)))
  (i32.const 1))

;; x/2 less the moves, reduced.
(func $sketch_half (param $x i64) (param $moved i64) (result i64)
  (call $field_reduce
    (i64.add
      (call $field_multiply
        (call $field_fold (local.get $x))
        (i64.const 0x1000000000000000))
      (i64.sub (i64.const 0x1fffffffffffffff) (local.get $moved)))))

;; Puts the roots of a monic polynomial in the place of its coefficients, as u64 and ascending;
;; gives 0 when they are not distinct and in the field. Factors lie side by side, so that the roots
;; of each have room where it lies: no stack is needed.
(func $sketch_roots (param $polynomial i32) (param $degree i32) (result i32)
  (local $at i32) (local $end i32) (local $factor i32) (local $low i32) (local $root i64)
  (local.set $end (i32.shl (local.get $degree) (i32.const 3)))
  (i64.store (i32.const 0x1200) (i64.extend_i32_u (local.get $degree)))
  (loop $factors
    (if (i32.lt_u (local.get $at) (local.get $end))
      (then
        (local.set $factor (i32.add (local.get $polynomial) (local.get $at)))
        (local.set $degree (i32.load offset=0x1200 (local.get $at)))
        (if (i32.gt_u (local.get $degree) (i32.const 2))
          (then
            (br_if $factors
              (call $sketch_split
                (local.get $factor)
                (i32.add (local.get $at) (i32.const 0x1200))))
            (return (i32.const 0))))
        (local.set $root (i64.load32_u offset=0x1204 (local.get $at)))
        (if (i32.eq (local.get $degree) (i32.const 2))
          (then
            (if (i32.eqz (call $sketch_pair (local.get $factor) (local.get $root)))
              (then (return (i32.const 0)))))
          (else
            (i64.store (local.get $factor)
              (call $field_reduce
                (i64.sub
                  (i64.sub (i64.const 0x3ffffffffffffffe) (local.get $root))
                  (call $sketch_get (local.get $factor)))))))
        (local.set $at
          (i32.add (local.get $at) (i32.shl (local.get $degree) (i32.const 3))))
        (br $factors))))
  ;; Sorted by insertion.
  (local.set $end (i32.add (local.get $polynomial) (local.get $end)))
  (local.set $at (local.get $polynomial))
  (loop $insert
    (if
      (i32.lt_u
        (local.tee $at (i32.add (local.get $at) (i32.const 8)))
        (local.get $end))
      (then
        (local.set $root (i64.load (local.get $at)))
        (local.set $low (local.get $at))
        (block $placed
          (loop $lower
            (br_if $placed (i32.eq (local.get $low) (local.get $polynomial)))
            (local.set $low (i32.sub (local.get $low) (i32.const 8)))
            (if (i64.gt_u (i64.load (local.get $low)) (local.get $root))
              (then
                (i64.store offset=8 (local.get $low) (i64.load (local.get $low)))
                (i64.store (local.get $low) (local.get $root))
                (br $lower)))))
        (br $insert))))
  (i32.const 1))

;; Decodes the sketch at 0x1000. Gives -1 when it is no sketch of a difference, else how many roots
;; are at 0x1800, and 256 times how many are at 0x1a00. Those at 0x1800 are `plus`, but with a
;; negative surplus they are `minus`. The sketch is used up.
(func $sketch_decode (export "sketch_decode")
  (param $words i32) (param $surplus i32) (result i32)
  (local $negative i32) (local $at i32) (local $end i32) (local $order i32) (local $degree i32)
  (local $word i64)
  (local.set $end (i32.shl (local.get $words) (i32.const 3)))
  (if (i32.lt_s (local.get $surplus) (i32.const 0))
    (then
      (local.set $negative (i32.const 1))
      (local.set $surplus (i32.sub (i32.const 0) (local.get $surplus)))))
  (loop $next
    (local.set $word (i64.load offset=0x1000 (local.get $at)))
    (if (i64.ge_u (local.get $word) (i64.const 0x1fffffffffffffff))
      (then (return (i32.const -1))))
    (call $sketch_put
      (i32.add (local.get $at) (i32.const 0x1c08))
      (select
        (i64.sub (i64.const 0x1fffffffffffffff) (local.get $word))
        (local.get $word)
        (local.get $negative)))
    (br_if $next
      (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (local.get $end))))
  (call $sketch_series (local.get $words))
  (local.set $order (call $sketch_recurrence (local.get $words) (local.get $surplus)))
  (if (i32.lt_s (local.get $order) (i32.const 0)) (then (return (i32.const -1))))
  (local.set $degree (i32.add (local.get $order) (local.get $surplus)))
  (call $sketch_fraction (local.get $order) (local.get $degree))
  ;; The root 0 is no element.
  (if
    (i32.or
      (i32.and
        (i32.ne (local.get $order) (i32.const 0))
        (i64.eqz (i64.load (i32.const 0x1a00))))
      (i32.and
        (i32.ne (local.get $degree) (i32.const 0))
        (i64.eqz (i64.load (i32.const 0x1800)))))
    (then (return (i32.const -1))))
  (global.set $sketch_work
    (i32.add
      (i32.const 1024)
      (i32.shl (i32.mul (local.get $words) (local.get $words)) (i32.const 2))))
  ;; The smaller one first: an overfull sketch is found out on it for less.
  (if (i32.eqz (call $sketch_roots (i32.const 0x1a00) (local.get $order)))
    (then (return (i32.const -1))))
  (if (i32.eqz (call $sketch_roots (i32.const 0x1800) (local.get $degree)))
    (then (return (i32.const -1))))
  ;; What was found has to empty the sketch.
  (call $sketch_add
    (local.get $words) (i32.const 0x1a00) (local.get $order) (local.get $negative))
  (call $sketch_add
    (local.get $words)
    (i32.const 0x1800)
    (local.get $degree)
    (i32.eqz (local.get $negative)))
  (loop $check
    (local.set $end (i32.sub (local.get $end) (i32.const 8)))
    (if (i64.ne (i64.load offset=0x1000 (local.get $end)) (i64.const 0))
      (then (return (i32.const -1))))
    (br_if $check (local.get $end)))
  (i32.or (local.get $degree) (i32.shl (local.get $order) (i32.const 8))))
