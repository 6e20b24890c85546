import { addLight, type Canvas } from './canvas';
import { sersic } from './profiles';
import type { Spectrum } from './survey';

/** Where on the picture, and which way: pixels, and radians from the x axis to the major axis. */
export interface Pose {
  readonly x: number;
  readonly y: number;
  readonly angle: number;
}

/** A body whose isophotes are ellipses: an elliptical galaxy, or a bulge. */
export interface Spheroid extends Pose {
  /** Sérsic index. */
  readonly n: number;
  /** Effective radius along the major axis, in pixels. */
  readonly radius: number;
  /** Minor axis over major axis. */
  readonly axisRatio: number;
  /** Mean brightness inside the effective radius, in r, nanomaggies a pixel. */
  readonly brightness: number;
  readonly colour: Spectrum;
}

export function addSpheroid(canvas: Canvas, { x, y, angle, n, radius, axisRatio, brightness, colour }: Spheroid): void {
  // A pixel sees the mean of the cusp inside it, which the profile has about a third of a pixel from the middle.
  const profile = sersic(n, 0.35 / radius);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  // By 9 effective radii de Vaucouleurs' profile is 1/400 of its brightness at one, and falls below the sky's noise.
  addLight(canvas, { x, y, reach: radius * (n > 1.5 ? 9 : 5) }, colour, (dx, dy) => {
    const along = (dx * cos + dy * sin) / radius;
    const across = (dy * cos - dx * sin) / (radius * axisRatio);
    return brightness * profile(Math.hypot(along, across));
  });
}
