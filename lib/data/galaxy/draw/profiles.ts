/** Brightness profiles, as published. Radii are in whatever unit the scale is in. */

/** A Sérsic profile: how many times the brightness at the effective radius, at `radius` effective radii. */
export type Profile = (radius: number) => number;

/** The b of a Sérsic profile that puts half the light inside the effective radius: Ciotti and Bertin (1999), A&A 352, 447, eq. 18. */
export function sersicB(n: number): number {
  return 2 * n - 1 / 3 + 4 / (405 * n) + 46 / (25515 * n * n);
}

/**
 * Sérsic (1963): I = I_e exp(-b (r^(1/n) - 1)), with I_e such that the mean brightness inside the effective radius is 1: Graham and
 * Driver (2005), PASA 22, 118, eq. 9. n = 1 is an exponential disc, n = 4 de Vaucouleurs' elliptical.
 *
 * @param softness radius, in effective radii, within which the cusp of a high n is levelled
 */
export function sersic(n: number, softness = 0): Profile {
  const b = sersicB(n);
  const atEffectiveRadius = b ** (2 * n) / (n * Math.exp(b) * gamma(2 * n));
  const power = 0.5 / n;
  return (radius) => {
    const scaled = b * (radius * radius + softness * softness) ** power;
    return atEffectiveRadius * Math.exp(b - scaled);
  };
}

/** The gamma function for positive arguments: Lanczos (1964), g = 5, n = 6, as in Numerical Recipes 6.1. */
function gamma(x: number): number {
  const coefficients = [
    76.18009172947146, -86.50532032941678, 24.01409824083091, -1.231739572450155, 1.208650973866179e-3, -5.395239384953e-6,
  ];
  const series = coefficients.reduce((sum, coefficient, index) => sum + coefficient / (x + 1 + index), 1.000000000190015);
  return Math.exp((x + 0.5) * Math.log(x + 5.5) - (x + 5.5) + Math.log((Math.sqrt(2 * Math.PI) * series) / x));
}

/**
 * x K1(x), which an exponential disc seen edge-on follows along its major axis: van der Kruit and Searle (1981), A&A 95, 105, eq. 7.
 * K1 by Abramowitz and Stegun (1964), 9.8.3, 9.8.7 and 9.8.8; 1 at x = 0.
 */
export function edgeOnDisc(x: number): number {
  if (x < 1e-6) return 1;
  if (x > 2) {
    const u = 2 / x;
    const series = polynomial(u, [1.25331414, 0.23498619, -0.0365562, 0.01504268, -0.00780353, 0.00325614, -0.00068245]);
    return Math.sqrt(x) * Math.exp(-x) * series;
  }
  const i1 = x * polynomial((x / 3.75) ** 2, [0.5, 0.87890594, 0.51498869, 0.15084934, 0.02658733, 0.00301532, 0.00032411]);
  const series = polynomial((x / 2) ** 2, [1, 0.15443144, -0.67278579, -0.18156897, -0.01919402, -0.00110404, -0.00004686]);
  return x * Math.log(x / 2) * i1 + series;
}

function polynomial(x: number, coefficients: readonly number[]): number {
  return coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0);
}

/** An isothermal sheet's vertical profile, sech²: Spitzer (1942), ApJ 95, 329. */
export function sheet(height: number): number {
  return 1 / Math.cosh(Math.min(Math.abs(height), 20)) ** 2;
}

/** From 0 at `from` to 1 at `to`, smoothly (Perlin's smoothstep); `from` may be the larger. */
export function ramp(value: number, from: number, to: number): number {
  const t = Math.min(1, Math.max(0, (value - from) / (to - from)));
  return t * t * (3 - 2 * t);
}
