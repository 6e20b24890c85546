import type { Random } from '../../../random';
import { addPoint, type Canvas } from './canvas';
import { addSpheroid } from './spheroid';
import { fluxOf, type Spectrum, spectrum } from './survey';

/**
 * Adds what else is on any picture of the sky: stars of our own galaxy and galaxies far behind, about as many as on a DECaLS cut-out of
 * 67 by 67 arc seconds.
 */
export function addField(canvas: Canvas, random: Random): void {
  const crowding = random.uniform(0.5, 1.6);
  const anywhere = (): number => random.uniform(-6, canvas.size + 6);
  for (let count = poisson(6 * crowding, random); count > 0; count--) {
    // Numbers of stars grow by two thirds a magnitude.
    const magnitude = faintest(23.8, 7, 0.22, random);
    addPoint(canvas, anywhere(), anywhere(), fluxOf(magnitude), saturated(starColour(random), magnitude, random));
  }
  for (let count = poisson(34 * crowding, random); count > 0; count--) {
    // Numbers of galaxies grow by 10^0.4 a magnitude in r: Yasuda et al. (2001), AJ 122, 1104.
    const magnitude = faintest(24.3, 5.5, 0.4, random);
    const radius = random.uniform(0.7, 1.7) + Math.max(0, 21.5 - magnitude) * random.uniform(0.3, 1);
    const axisRatio = random.uniform(0.35, 1);
    addSpheroid(canvas, {
      x: anywhere(),
      y: anywhere(),
      angle: random.uniform(0, Math.PI),
      n: random.pick([1, 1, 2, 3]),
      radius,
      axisRatio,
      brightness: fluxOf(magnitude) / (2 * Math.PI * radius * radius * axisRatio),
      colour: random.chance(0.6)
        ? spectrum(random.uniform(0.9, 1.7), random.uniform(0.6, 1.3))
        : spectrum(random.uniform(0.2, 0.8), random.uniform(0.1, 0.6)),
    });
  }
}

/** A magnitude at most `range` brighter than `limit`, where numbers grow by 10^slope a magnitude. */
function faintest(limit: number, range: number, slope: number, random: Random): number {
  return limit - Math.min(range, -Math.log10(1 - random.uniform()) / slope);
}

/** Along the stellar locus of g-r and r-z: blue turn-off stars to red dwarfs, whose g-r stays near 1.45 (Covey et al. 2007, AJ 134, 2398). */
function starColour(random: Random): Spectrum {
  const place = random.uniform();
  const gr = place < 0.5 ? random.uniform(0.25, 0.9) : random.uniform(1.2, 1.55);
  const rz = gr < 1 ? 0.1 + 0.65 * (gr - 0.25) : random.uniform(0.9, 2.2);
  return spectrum(gr + 0.03 * random.normal(), rz);
}

/** Where a bright star saturates a band, its middle is missing from that band: on cut-outs such stars are blue, green or turquoise. */
function saturated(colour: Spectrum, magnitude: number, random: Random): Spectrum {
  if (magnitude > 18.5 || !random.chance(0.4)) return colour;
  const lost = random.pick([[2], [2], [1, 2], [0], [0, 2]]);
  return colour.map((flux, band) => (lost.includes(band) ? flux * random.uniform(0.1, 0.5) : flux)) as [number, number, number];
}

/** A Poisson-distributed number, by Knuth (1969): fine for small means. */
export function poisson(mean: number, random: Random): number {
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = random.uniform(); product > limit; product *= random.uniform()) count++;
  return count;
}
