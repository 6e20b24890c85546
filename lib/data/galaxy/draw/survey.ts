/**
 * The DECam Legacy Survey as a camera: Dey et al. (2019), "Overview of the DESI Legacy Imaging Surveys", AJ 157, 168, where nothing
 * else is cited. Fluxes are in nanomaggies: 1 nanomaggy is magnitude 22.5 (AB).
 */

/** Side of a cut-out, in pixels. */
export const pictureSize = 256;

/** Arc seconds a pixel, as Galaxy10's `pxscale` says. */
export const pixelScale = 0.262;

/** A filter, and what a stack of exposures through it is like. */
export interface Band {
  /** Electrons a second from a source of magnitude 0, as a magnitude; the nominal values of the survey's exposure calculator. */
  readonly zeroPoint: number;
  /** Brightness of the moonless sky, magnitudes a square arc second (ibid.). */
  readonly sky: number;
  /** Exposure of a full-depth stack, in seconds. */
  readonly exposure: number;
  /** Full width at half maximum of a star, in arc seconds: the survey's median. */
  readonly seeing: number;
  /** Extinction in magnitudes for E(B-V) = 1, Schlafly and Finkbeiner (2011) for DECam's filters with R_V = 3.1. */
  readonly extinction: number;
  /** What the survey's viewer multiplies nanomaggies a pixel by before colours are made of them. */
  readonly display: number;
}

/** g, r and z, in this order wherever there is one number a band. */
export const bands: readonly [Band, Band, Band] = [
  { zeroPoint: 26.61, sky: 22.04, exposure: 166, seeing: 1.29, extinction: 3.214, display: 6.0 },
  { zeroPoint: 26.818, sky: 20.91, exposure: 134, seeing: 1.18, extinction: 2.165, display: 3.4 },
  { zeroPoint: 26.484, sky: 18.46, exposure: 200, seeing: 1.11, extinction: 1.211, display: 2.2 },
];

/** Root mean square of DECam's read-out, electrons; Flaugher et al. (2015), AJ 150, 150. */
export const readNoise = 7;

/** Exposures that make a stack: the survey covers the sky three times. */
export const exposures = 3;

/** Magnitude to nanomaggies. */
export function fluxOf(magnitude: number): number {
  return 10 ** (0.4 * (22.5 - magnitude));
}

/** Magnitudes a square arc second to nanomaggies a pixel. */
export function surfaceFlux(magnitude: number): number {
  return fluxOf(magnitude) * pixelScale ** 2;
}

/** Flux in g, r and z, that in r being 1. */
export type Spectrum = readonly [number, number, number];

/** The spectrum with colours g-r and r-z, in magnitudes. */
export function spectrum(gr: number, rz: number): Spectrum {
  return [10 ** (-0.4 * gr), 1, 10 ** (0.4 * rz)];
}
