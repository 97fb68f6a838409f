;; What columns are measured against: SIMD kernels as compilers make them of a plain loop over vectors,
;; with one accumulator of two lanes and one vector for each turn. Statistics are put together from
;; passes of these. Counts are even.

(memory (import "peer" "memory") 1)

(func (export "sum_f64") (param $x i32) (param $n i32) (result f64)
  (local $end i32) (local $a v128)
  (local.set $end (i32.add (local.get $x) (i32.shl (local.get $n) (i32.const 3))))
  (loop $next
    (local.set $a (f64x2.add (local.get $a) (v128.load (local.get $x))))
    (br_if $next (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 16)))
      (local.get $end))))
  (f64.add (f64x2.extract_lane 0 (local.get $a)) (f64x2.extract_lane 1 (local.get $a))))

(func (export "dot_f64") (param $x i32) (param $y i32) (param $n i32) (result f64)
  (local $end i32) (local $a v128)
  (local.set $end (i32.add (local.get $x) (i32.shl (local.get $n) (i32.const 3))))
  (loop $next
    (local.set $a (f64x2.add (local.get $a)
      (f64x2.mul (v128.load (local.get $x)) (v128.load (local.get $y)))))
    (local.set $y (i32.add (local.get $y) (i32.const 16)))
    (br_if $next (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 16)))
      (local.get $end))))
  (f64.add (f64x2.extract_lane 0 (local.get $a)) (f64x2.extract_lane 1 (local.get $a))))

;; Leaves minimum and maximum at `$out`.
(func (export "minmax_f64") (param $x i32) (param $n i32) (param $out i32)
  (local $end i32) (local $min v128) (local $max v128) (local $v v128)
  (local.set $min (v128.load64_splat (local.get $x)))
  (local.set $max (local.get $min))
  (local.set $end (i32.add (local.get $x) (i32.shl (local.get $n) (i32.const 3))))
  (loop $next
    (local.set $v (v128.load (local.get $x)))
    (local.set $min (f64x2.pmin (local.get $min) (local.get $v)))
    (local.set $max (f64x2.pmax (local.get $max) (local.get $v)))
    (br_if $next (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 16)))
      (local.get $end))))
  (f64.store (local.get $out) (f64.min
    (f64x2.extract_lane 0 (local.get $min)) (f64x2.extract_lane 1 (local.get $min))))
  (f64.store offset=8 (local.get $out) (f64.max
    (f64x2.extract_lane 0 (local.get $max)) (f64x2.extract_lane 1 (local.get $max)))))

(func (export "scale_f64") (param $x i32) (param $n i32) (param $factor f64)
  (local $end i32) (local $factors v128)
  (local.set $factors (f64x2.splat (local.get $factor)))
  (local.set $end (i32.add (local.get $x) (i32.shl (local.get $n) (i32.const 3))))
  (loop $next
    (v128.store (local.get $x) (f64x2.mul (v128.load (local.get $x)) (local.get $factors)))
    (br_if $next (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 16)))
      (local.get $end)))))

(func (export "add_f64") (param $to i32) (param $x i32) (param $y i32) (param $n i32)
  (local $end i32)
  (local.set $end (i32.add (local.get $x) (i32.shl (local.get $n) (i32.const 3))))
  (loop $next
    (v128.store (local.get $to) (f64x2.add (v128.load (local.get $x)) (v128.load (local.get $y))))
    (local.set $to (i32.add (local.get $to) (i32.const 16)))
    (local.set $y (i32.add (local.get $y) (i32.const 16)))
    (br_if $next (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 16)))
      (local.get $end)))))

;; Each vector is widened and added up at once, as what adds up in 64 bits is written in such loops.
(func (export "sum_i32") (param $x i32) (param $n i32) (result f64)
  (local $end i32) (local $sum i64) (local $v v128)
  (local.set $end (i32.add (local.get $x) (i32.shl (local.get $n) (i32.const 2))))
  (loop $next
    (local.set $v (v128.load (local.get $x)))
    (local.set $v (i64x2.add (i64x2.extend_low_i32x4_s (local.get $v))
      (i64x2.extend_high_i32x4_s (local.get $v))))
    (local.set $sum (i64.add (local.get $sum) (i64.add
      (i64x2.extract_lane 0 (local.get $v)) (i64x2.extract_lane 1 (local.get $v)))))
    (br_if $next (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 16)))
      (local.get $end))))
  (f64.convert_i64_s (local.get $sum)))
