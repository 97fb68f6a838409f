/**
 * Loops over arrays, for columns to be measured beside them.
 *
 * Engines compile a function for the kind of array that it gets: two kinds need two.
 */

export function jsSum(x: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] as number;
  return sum;
}

export function jsSum4(x: Float64Array): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = 0; i < x.length; i += 4) {
    a += x[i] as number;
    b += x[i + 1] as number;
    c += x[i + 2] as number;
    d += x[i + 3] as number;
  }
  return a + b + c + d;
}

export function jsSumInts(x: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] as number;
  return sum;
}

export function jsSumInts4(x: Int32Array): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = 0; i < x.length; i += 4) {
    a += x[i] as number;
    b += x[i + 1] as number;
    c += x[i + 2] as number;
    d += x[i + 3] as number;
  }
  return a + b + c + d;
}

export function jsDot(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (x[i] as number) * (y[i] as number);
  return sum;
}

export function jsDot4(x: Float64Array, y: Float64Array): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = 0; i < x.length; i += 4) {
    a += (x[i] as number) * (y[i] as number);
    b += (x[i + 1] as number) * (y[i + 1] as number);
    c += (x[i + 2] as number) * (y[i + 2] as number);
    d += (x[i + 3] as number) * (y[i + 3] as number);
  }
  return a + b + c + d;
}

export function jsBounds(x: Float64Array): number {
  let min = Infinity;
  let max = -Infinity;
  for (let i = 0; i < x.length; i++) {
    const it = x[i] as number;
    if (it < min) min = it;
    if (it > max) max = it;
  }
  return max - min;
}

export function jsScale(x: Float64Array, factor: number): void {
  for (let i = 0; i < x.length; i++) x[i] = (x[i] as number) * factor;
}

export function jsScale4(x: Float64Array, factor: number): void {
  for (let i = 0; i < x.length; i += 4) {
    x[i] = (x[i] as number) * factor;
    x[i + 1] = (x[i + 1] as number) * factor;
    x[i + 2] = (x[i + 2] as number) * factor;
    x[i + 3] = (x[i + 3] as number) * factor;
  }
}

export function jsAdd(to: Float64Array, x: Float64Array, y: Float64Array): void {
  for (let i = 0; i < to.length; i++) to[i] = (x[i] as number) + (y[i] as number);
}

export function jsAdd4(to: Float64Array, x: Float64Array, y: Float64Array): void {
  for (let i = 0; i < to.length; i += 4) {
    to[i] = (x[i] as number) + (y[i] as number);
    to[i + 1] = (x[i + 1] as number) + (y[i + 1] as number);
    to[i + 2] = (x[i + 2] as number) + (y[i + 2] as number);
    to[i + 3] = (x[i + 3] as number) + (y[i + 3] as number);
  }
}

export function jsVariance(x: Float64Array): number {
  let sum = 0;
  let squares = 0;
  let min = Infinity;
  let max = -Infinity;
  for (let i = 0; i < x.length; i++) {
    const it = x[i] as number;
    sum += it;
    squares += it * it;
    if (it < min) min = it;
    if (it > max) max = it;
  }
  return min + max + (squares - sum * sum / x.length) / x.length;
}

export function jsCorrelation(x: Float64Array, y: Float64Array): number {
  let sx = 0;
  let sy = 0;
  let xx = 0;
  let yy = 0;
  let xy = 0;
  for (let i = 0; i < x.length; i++) {
    const u = x[i] as number;
    const v = y[i] as number;
    sx += u;
    sy += v;
    xx += u * u;
    yy += v * v;
    xy += u * v;
  }
  const n = x.length;
  return (xy - sx * sy / n) / Math.sqrt((xx - sx * sx / n) * (yy - sy * sy / n));
}
