import type { Random } from '../../../random';
import { type Canvas, eachPixel } from './canvas';
import { ramp } from './profiles';
import type { Pose } from './spheroid';
import { bands, type Spectrum } from './survey';
import { makeTexture } from './texture';

/** Spiral arms: logarithmic, as most are to a good approximation (Kennicutt 1981, AJ 86, 1847). */
export interface Arms {
  /** How many. */
  readonly count: number;
  /** Angle between an arm and the circle, in radians: about 10 degrees when wound tight, 30 when loose. */
  readonly pitch: number;
  /** Direction, seen from the centre, of an arm at radius `start`. */
  readonly phase: number;
  /** Radius at which they begin, in scale lengths. */
  readonly start: number;
  /** Radius at which they have faded, in scale lengths. */
  readonly end: number;
  /** Brightness between arms is 1 - contrast of what it would be without any. */
  readonly contrast: number;
  /** The larger, the narrower. */
  readonly sharpness: number;
  /** How much the arms break up into pieces, from 0 to 1. */
  readonly raggedness: number;
}

/** A bar: old stars in a box, by a modified Ferrers profile (Binney and Tremaine 2008, 2.5.3). */
export interface Bar {
  /** Half its length, in scale lengths. */
  readonly length: number;
  readonly axisRatio: number;
  /** Its angle in the disc's plane. */
  readonly angle: number;
  /** Times the disc's brightness at its centre. */
  readonly strength: number;
  readonly colour: Spectrum;
}

/** A ring of young stars. */
export interface Ring {
  /** In scale lengths. */
  readonly radius: number;
  readonly width: number;
  readonly strength: number;
}

/** A thin exponential disc (Freeman 1970, ApJ 160, 811), seen at an angle. */
export interface Disc extends Pose {
  /** Scale length, in pixels. */
  readonly scale: number;
  /** Cosine of the inclination: minor axis over major axis. */
  readonly axisRatio: number;
  /** At the centre, in r, nanomaggies a pixel. */
  readonly brightness: number;
  /** Old stars between the arms, young ones in them. */
  readonly old: Spectrum;
  readonly young: Spectrum;
  readonly arms?: Arms;
  readonly bar?: Bar;
  readonly ring?: Ring;
  /** Reddening E(B-V) of the dust lanes on the arms' inner side. */
  readonly dust: number;
  /** Share by which one side outshines the other (Rix and Zaritsky 1995, ApJ 447, 82), and towards where. */
  readonly lopsided?: { readonly strength: number; readonly direction: number };
  /** Texture's strength in a disc without regular arms: 0 is smooth. */
  readonly clumpiness: number;
}

/** Radius at which a disc ends, in scale lengths: van der Kruit (2007), A&A 466, 883, finds 3.5 to 4. */
const truncation = 4.2;

/** Draws a disc with what is in it. `handedness` of the arms comes from `random`, and so does the texture. */
export function addDisc(canvas: Canvas, disc: Disc, random: Random): void {
  const { scale, axisRatio, brightness, old, young, arms, bar, ring, dust, lopsided, clumpiness } = disc;
  const [cos, sin] = [Math.cos(disc.angle), Math.sin(disc.angle)];
  const handedness = random.chance(0.5) ? 1 : -1;
  const patches = makeTexture(random);
  const bends = makeTexture(random);
  const winding = arms ? 1 / Math.tan(arms.pitch) : 0;
  const [g, r, z] = canvas.planes;
  eachPixel(canvas, { x: disc.x, y: disc.y, reach: truncation * scale }, (pixel, dx, dy) => {
    const u = (dx * cos + dy * sin) / scale;
    const v = ((dy * cos - dx * sin) * handedness) / (scale * axisRatio);
    const radius = Math.sqrt(u * u + v * v + 1e-4);
    if (radius > truncation) return;
    const angle = Math.atan2(v, u);
    let disk = brightness * Math.exp(-radius) * ramp(radius, truncation, 3);
    if (lopsided) disk *= Math.max(0, 1 + lopsided.strength * Math.min(1.3, radius / 1.5) * Math.cos(angle - lopsided.direction));

    let [smooth, recent, lane] = [disk, 0, 0];
    const wound = winding * Math.log(radius / (arms?.start ?? 1));
    const patch = patches(3 * Math.log(radius) * Math.max(2, winding) + 64, (angle / (2 * Math.PI)) * 32 - wound * 2 + 64);
    if (arms) {
      const there = ramp(radius, 0.75 * arms.start, 1.15 * arms.start) * ramp(radius, arms.end, 0.7 * arms.end);
      // The phase wavers a little along the arm: no galaxy is drawn with compasses.
      const phase = arms.count * (angle - arms.phase - wound) + 0.7 * bends(2 * radius + 64, angle * 0.8 + 64);
      const crest = Math.exp(arms.sharpness * (Math.cos(phase) - 1));
      const pieces = 1 - arms.raggedness * (0.5 - 0.5 * patch);
      smooth = disk * (1 - arms.contrast * there * (1 - crest));
      recent = disk * arms.contrast * there * crest * pieces * 1.6;
      lane = there * Math.exp(arms.sharpness * (Math.cos(phase + 0.9) - 1)) * Math.exp(-0.25 * radius);
    }
    if (clumpiness > 0) recent += disk * clumpiness * Math.max(0, patch) ** 2 * 3 * ramp(radius, 0.1, 0.8);
    if (ring)
      recent +=
        disk * ring.strength * Math.exp(radius) * Math.exp(-ring.radius) * Math.exp(-0.5 * ((radius - ring.radius) / ring.width) ** 2);
    const barred = bar ? brightness * bar.strength * barProfile(u, v, bar) : 0;

    const reddening = dust * lane;
    g[pixel]! += (smooth * old[0] + recent * young[0] + (bar ? barred * bar.colour[0] : 0)) * transmission(reddening, 0);
    r[pixel]! += (smooth + recent + barred) * transmission(reddening, 1);
    z[pixel]! += (smooth * old[2] + recent * young[2] + (bar ? barred * bar.colour[2] : 0)) * transmission(reddening, 2);
  });
}

/** 1 at the centre, 0 outside the bar. */
function barProfile(u: number, v: number, { length, axisRatio, angle }: Bar): number {
  const along = Math.abs(u * Math.cos(angle) + v * Math.sin(angle)) / length;
  const across = Math.abs(v * Math.cos(angle) - u * Math.sin(angle)) / (length * axisRatio);
  if (along >= 1 || across >= 1) return 0;
  const boxy = along ** 2.5 + across ** 2.5;
  return boxy < 1 ? (1 - boxy) ** 1.5 : 0;
}

/** What dust of the given reddening E(B-V) lets through. */
export function transmission(reddening: number, band: 0 | 1 | 2): number {
  return reddening < 1e-4 ? 1 : Math.exp(-0.4 * Math.LN10 * bands[band].extinction * reddening);
}
