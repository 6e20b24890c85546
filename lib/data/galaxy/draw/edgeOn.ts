import type { Random } from '../../../random';
import { type Canvas, eachPixel } from './canvas';
import { transmission } from './disc';
import { edgeOnDisc, ramp, sheet } from './profiles';
import type { Pose } from './spheroid';
import type { Spectrum } from './survey';
import { makeTexture } from './texture';

/** A disc seen from its edge. */
export interface EdgeOnDisc extends Pose {
  /** Scale length, in pixels. */
  readonly scale: number;
  /** Height of the sech² sheet, in scale lengths; about 0.27 in the mean (Kregel et al. 2002, MNRAS 334, 646), half that in superthin ones. */
  readonly thickness: number;
  /** At the centre, in r, nanomaggies a pixel. */
  readonly brightness: number;
  /** At the centre, and at the rim: discs are bluer outside. */
  readonly inner: Spectrum;
  readonly outer: Spectrum;
  /** Reddening E(B-V) through the mid-plane at the centre. */
  readonly dust: number;
  /** Of the dust lane from the middle, in heights: 0 when the disc is seen exactly from its edge. */
  readonly laneOffset: number;
  /** How far the ends bend out of the plane, in heights. */
  readonly warp: number;
}

const truncation = 3.8;

export function addEdgeOnDisc(canvas: Canvas, disc: EdgeOnDisc, random: Random): void {
  const { scale, thickness, brightness, inner, outer, dust, laneOffset, warp } = disc;
  const [cos, sin] = [Math.cos(disc.angle), Math.sin(disc.angle)];
  const clumps = makeTexture(random);
  const height = thickness * scale;
  const planes = canvas.planes;
  eachPixel(canvas, { x: disc.x, y: disc.y, reach: truncation * scale }, (pixel, dx, dy) => {
    const along = (dx * cos + dy * sin) / scale;
    const distance = Math.abs(along);
    if (distance > truncation) return;
    const bend = warp * Math.sign(along) * ramp(distance, 1.2, truncation);
    const up = (dy * cos - dx * sin) / height - bend;
    if (Math.abs(up) > 7) return;
    const clump = 1 + 0.35 * clumps(along * 4 + 64, up * 0.5 + 64);
    const light = brightness * edgeOnDisc(distance) * sheet(up) * ramp(distance, truncation, 1.8) * clump;
    const rim = ramp(distance, 0.3, 2.6);
    const reddening = dust * Math.exp(-distance / 1.6) * Math.exp(-2 * (up - laneOffset) ** 2) * (1 + 0.4 * clumps(along * 5, 7));
    for (const band of [0, 1, 2] as const) {
      planes[band][pixel]! += light * (inner[band] * (1 - rim) + outer[band] * rim) * transmission(reddening, band);
    }
  });
}
