import type { Random } from '../../../random';
import type { Canvas } from './canvas';
import { type Arms, addDisc, type Disc } from './disc';
import { addEdgeOnDisc, type EdgeOnDisc } from './edgeOn';
import { addSpheroid, type Pose, type Spheroid } from './spheroid';
import { addStream } from './stream';
import { type Spectrum, spectrum, surfaceFlux } from './survey';

/** Draws one galaxy of a class in the middle of the canvas. */
export type DrawGalaxy = (canvas: Canvas, random: Random) => void;

const degrees = Math.PI / 180;
const anyAngle = (random: Random): number => random.uniform(0, 2 * Math.PI);

/** The middle of the canvas, to a pixel, at any angle. */
function centred(canvas: Canvas, random: Random): Pose {
  const middle = (canvas.size - 1) / 2;
  return { x: middle + random.uniform(-1, 1), y: middle + random.uniform(-1, 1), angle: anyAngle(random) };
}

/** Between two values, as often in each octave: sizes. */
function between(low: number, high: number, random: Random): number {
  return low * (high / low) ** random.uniform();
}

/**
 * Stars of colour g-r; their r-z follows with little scatter, as along the galaxies' own locus (Strateva et al. 2001, AJ 122, 1861). At
 * g-r = 0.62, r-z = 0.47 the viewer's colours are neutral.
 */
function stars(gr: number, random: Random): Spectrum {
  return spectrum(gr, 0.47 + 0.7 * (gr - 0.62) + 0.035 * random.normal());
}

/** Early types: the red sequence at redshifts from 0.02 to 0.15. */
function oldStars(random: Random): Spectrum {
  return stars(random.uniform(0.72, 1.06), random);
}

/** Discs between the arms. */
function discStars(random: Random): Spectrum {
  return stars(random.uniform(0.44, 0.76), random);
}

/** Stars younger than some hundred million years, and the gas they light. */
function youngStars(random: Random): Spectrum {
  return stars(random.uniform(0.12, 0.4), random);
}

/** Most smooth galaxies are of old stars; some small ones are not. */
function smoothStars(random: Random): Spectrum {
  return random.chance(0.65) ? oldStars(random) : stars(random.uniform(0.4, 0.7), random);
}

/** A smooth galaxy; bright ones are also larger and more concentrated (Kormendy's relation, 1977, says that they are of lower surface brightness). */
function smooth(low: number, high: number, axes: readonly [number, number], indices: readonly [number, number]): DrawGalaxy {
  return (canvas, random) => {
    const radius = between(low, high, random);
    addSpheroid(canvas, {
      ...centred(canvas, random),
      n: random.uniform(...indices),
      radius,
      axisRatio: random.uniform(...axes),
      brightness: surfaceFlux(random.uniform(19.9, 20.9) + 0.5 * Math.log2(radius / 6)),
      colour: smoothStars(random),
    });
  };
}

/** A bulge in the middle of a disc, in the disc's scale: later types have smaller, flatter ones (Graham and Worley 2008, MNRAS 388, 1708). */
function bulge(
  disc: Pose & { readonly scale: number; readonly axisRatio: number },
  size: readonly [number, number],
  random: Random,
): Spheroid {
  return {
    x: disc.x,
    y: disc.y,
    angle: disc.angle,
    n: random.uniform(1, 2.8),
    radius: Math.max(1.6, disc.scale * random.uniform(...size)),
    axisRatio: Math.min(1, 0.55 + 0.45 * disc.axisRatio),
    brightness: surfaceFlux(random.uniform(19.4, 20.4)),
    colour: oldStars(random),
  };
}

function discOf(canvas: Canvas, scales: readonly [number, number], axes: readonly [number, number], random: Random): Disc {
  const scale = between(...scales, random);
  return {
    ...centred(canvas, random),
    scale,
    axisRatio: random.uniform(...axes),
    brightness: surfaceFlux(random.uniform(20.6, 21.5) + 0.25 * Math.log2(scale / 12)),
    old: discStars(random),
    young: youngStars(random),
    dust: random.uniform(0, 0.25),
    clumpiness: random.uniform(0, 0.12),
  };
}

const tightSpiral: DrawGalaxy = (canvas, random) => {
  const disc = discOf(canvas, [13, 24], [0.55, 1], random);
  const arms: Arms = {
    count: random.pick([2, 2, 2, 3, 3, 4]),
    pitch: random.uniform(8, 14) * degrees,
    phase: anyAngle(random),
    start: random.uniform(0.35, 0.6),
    end: random.uniform(2.8, 3.6),
    contrast: random.uniform(0.6, 0.88),
    sharpness: random.uniform(1.6, 2.8),
    raggedness: random.uniform(0.3, 0.9),
  };
  addDisc(canvas, { ...disc, arms }, random);
  addSpheroid(canvas, bulge(disc, [0.2, 0.42], random));
};

const looseSpiral: DrawGalaxy = (canvas, random) => {
  const disc = discOf(canvas, [13, 24], [0.5, 1], random);
  const arms: Arms = {
    count: random.pick([1, 2, 2, 2, 2, 2, 3]),
    pitch: random.uniform(22, 38) * degrees,
    phase: anyAngle(random),
    start: random.uniform(0.3, 0.5),
    end: random.uniform(3, 3.9),
    contrast: random.uniform(0.7, 0.92),
    sharpness: random.uniform(1.8, 3.8),
    raggedness: random.uniform(0.3, 0.9),
  };
  addDisc(canvas, { ...disc, arms }, random);
  addSpheroid(canvas, bulge(disc, [0.12, 0.26], random));
};

const barredSpiral: DrawGalaxy = (canvas, random) => {
  const disc = discOf(canvas, [14, 24], [0.6, 1], random);
  const length = random.uniform(1.1, 1.65);
  const angle = anyAngle(random);
  const bar = {
    length: length * 1.08,
    axisRatio: random.uniform(0.18, 0.32),
    angle,
    strength: random.uniform(1.5, 2.8),
    colour: random.chance(0.75) ? oldStars(random) : discStars(random),
  };
  const arms: Arms = {
    count: 2,
    pitch: random.uniform(11, 30) * degrees,
    phase: angle, // arms leave the ends of the bar
    start: length,
    end: random.uniform(3, 3.8),
    contrast: random.uniform(0.55, 0.9),
    sharpness: random.uniform(1.5, 3.2),
    raggedness: random.uniform(0.2, 0.7),
  };
  const ring = { radius: length * 1.05, width: random.uniform(0.12, 0.22), strength: random.uniform(0.15, 0.4) };
  // A bar sweeps the disc inside its ends empty.
  addDisc(canvas, { ...disc, brightness: disc.brightness * 0.7, arms, bar, ...(random.chance(0.45) && { ring }) }, random);
  addSpheroid(canvas, { ...bulge(disc, [0.12, 0.22], random), axisRatio: Math.min(1, 0.7 + 0.3 * disc.axisRatio) });
};

function edgeOn(canvas: Canvas, scales: readonly [number, number], thicknesses: readonly [number, number], random: Random): EdgeOnDisc {
  const scale = between(...scales, random);
  const dusty = random.chance(0.55);
  const isRed = random.chance(0.6);
  return {
    ...centred(canvas, random),
    scale,
    thickness: Math.max(random.uniform(...thicknesses), 1.7 / scale),
    brightness: surfaceFlux(random.uniform(19.9, 21) + 0.3 * Math.log2(scale / 20)),
    inner: isRed ? stars(random.uniform(0.68, 0.98), random) : discStars(random),
    outer: isRed ? discStars(random) : youngStars(random),
    dust: dusty ? random.uniform(0.25, 0.7) : random.uniform(0, 0.15),
    laneOffset: random.uniform(-0.35, 0.35),
    warp: random.chance(0.3) ? random.uniform(-1.2, 1.2) : 0,
  };
}

const edgeOnWithoutBulge: DrawGalaxy = (canvas, random) => {
  addEdgeOnDisc(canvas, edgeOn(canvas, [16, 38], [0.09, 0.17], random), random);
};

const edgeOnWithBulge: DrawGalaxy = (canvas, random) => {
  const disc = edgeOn(canvas, [14, 28], [0.1, 0.18], random);
  addEdgeOnDisc(canvas, disc, random);
  const radius = Math.max(2.6, disc.scale * random.uniform(0.22, 0.42));
  addSpheroid(canvas, {
    x: disc.x,
    y: disc.y,
    angle: disc.angle,
    n: random.uniform(1, 2.6),
    radius,
    axisRatio: random.uniform(0.6, 0.9),
    brightness: disc.brightness * random.uniform(0.7, 1.4),
    colour: oldStars(random),
  });
};

/** One of two that meet: a spiral whose arms are pulled open, or a smooth one. */
function partner(canvas: Canvas, pose: Pose, scale: number, random: Random): void {
  if (random.chance(0.45)) {
    addSpheroid(canvas, {
      ...pose,
      n: random.uniform(1.5, 4),
      radius: scale * 0.9,
      axisRatio: random.uniform(0.55, 1),
      brightness: surfaceFlux(random.uniform(20, 21)),
      colour: oldStars(random),
    });
    return;
  }
  const disc: Disc = {
    ...pose,
    scale,
    axisRatio: random.uniform(0.4, 1),
    brightness: surfaceFlux(random.uniform(20, 20.9)),
    old: discStars(random),
    young: youngStars(random),
    dust: random.uniform(0.1, 0.35),
    clumpiness: random.uniform(0.1, 0.5),
    lopsided: { strength: random.uniform(0.1, 0.5), direction: anyAngle(random) },
    arms: {
      count: random.pick([1, 2]),
      pitch: random.uniform(20, 45) * degrees,
      phase: anyAngle(random),
      start: 0.5,
      end: 3.4,
      contrast: random.uniform(0.4, 0.8),
      sharpness: random.uniform(1.2, 2.5),
      raggedness: random.uniform(0.3, 0.9),
    },
  };
  addDisc(canvas, disc, random);
  addSpheroid(canvas, bulge(disc, [0.2, 0.4], random));
}

const merging: DrawGalaxy = (canvas, random) => {
  const { x, y, angle } = centred(canvas, random);
  const scale = between(8, 15, random);
  const ratio = random.uniform(0.55, 1); // of sizes: both take part
  const distance = scale * random.uniform(1.8, 3.8);
  // Galaxy10's cut-outs are centred on one of the two as often as between them.
  const shift = random.chance(0.5) ? 0 : 0.5;
  const at = (share: number): { x: number; y: number } => ({
    x: x + share * distance * Math.cos(angle),
    y: y + share * distance * Math.sin(angle),
  });
  const [first, second] = [at(-shift), at(1 - shift)];
  partner(canvas, { ...first, angle: anyAngle(random) }, scale, random);
  partner(canvas, { ...second, angle: anyAngle(random) }, scale * ratio, random);
  const turn = random.pick([-1, 1]) * random.uniform(0.8, 2.4);
  const colour = random.chance(0.5) ? discStars(random) : youngStars(random);
  const tail = { turn, fade: random.uniform(0.05, 0.4), colour };
  const glow = (): number => surfaceFlux(random.uniform(21.7, 22.9));
  const sideways = random.uniform(0.5, 1.4) * Math.sign(turn);
  addStream(canvas, {
    ...first,
    ...tail,
    direction: angle + Math.PI - sideways,
    length: scale * random.uniform(3.5, 6.5),
    width: [scale * 0.35, scale * random.uniform(0.3, 0.6)],
    brightness: glow(),
  });
  addStream(canvas, {
    ...second,
    ...tail,
    direction: angle - sideways,
    length: scale * random.uniform(2.5, 6),
    width: [scale * 0.35 * ratio, scale * random.uniform(0.3, 0.6)],
    brightness: glow(),
  });
  // A bridge between them, and the stars that both have lost already.
  addStream(canvas, {
    ...first,
    direction: angle,
    turn: 0,
    length: distance,
    width: [scale * 0.5, scale * 0.5],
    brightness: glow(),
    fade: 1,
    colour,
  });
  addSpheroid(canvas, {
    ...at(0.5 - shift),
    angle,
    n: 1,
    radius: distance * random.uniform(1, 1.5),
    axisRatio: random.uniform(0.5, 0.9),
    brightness: surfaceFlux(random.uniform(23.6, 24.6)),
    colour: discStars(random),
  });
};

/** One galaxy out of balance: lopsided, clumpy, with a plume or a shell of what it swallowed. */
const disturbed: DrawGalaxy = (canvas, random) => {
  const pose = centred(canvas, random);
  const scale = between(11, 20, random);
  const axisRatio = random.uniform(0.4, 0.9);
  const direction = anyAngle(random);
  const isRed = random.chance(0.25);
  const old = isRed ? oldStars(random) : discStars(random);
  addDisc(
    canvas,
    {
      ...pose,
      scale,
      axisRatio,
      brightness: surfaceFlux(random.uniform(20.6, 21.6)),
      old,
      young: isRed ? discStars(random) : youngStars(random),
      dust: random.uniform(0.1, 0.5),
      lopsided: { strength: random.uniform(0.6, 0.95), direction },
      clumpiness: isRed ? random.uniform(0.1, 0.4) : random.uniform(0.5, 1.4),
      ...(random.chance(0.4) && {
        arms: {
          count: 1,
          pitch: random.uniform(15, 40) * degrees,
          phase: direction,
          start: 0.4,
          end: 3.5,
          contrast: random.uniform(0.4, 0.8),
          sharpness: random.uniform(1, 2),
          raggedness: 0.9,
        },
      }),
    },
    random,
  );
  const off = scale * random.uniform(0.2, 0.7);
  const core = { x: pose.x - off * Math.cos(direction), y: pose.y - off * Math.sin(direction) };
  addSpheroid(canvas, {
    ...core,
    angle: pose.angle + random.uniform(-1, 1),
    n: random.uniform(1, 2.5),
    radius: scale * random.uniform(0.25, 0.45),
    axisRatio: random.uniform(0.5, 0.95),
    brightness: surfaceFlux(random.uniform(19.8, 20.8)),
    colour: isRed ? old : discStars(random),
  });
  const plume = random.integer(3);
  for (let count = plume; count >= 0; count--) {
    addStream(canvas, {
      x: pose.x + random.normal() * scale * 0.5,
      y: pose.y + random.normal() * scale * 0.5,
      direction: anyAngle(random),
      turn: random.uniform(-2, 2),
      length: scale * random.uniform(2.5, 5.5),
      width: [scale * random.uniform(0.3, 0.5), scale * random.uniform(0.4, 1)],
      brightness: surfaceFlux(random.uniform(22, 23)),
      fade: random.uniform(0, 0.5),
      colour: isRed ? old : youngStars(random),
    });
  }
  if (random.chance(0.4)) addShell(canvas, core, scale, old, random);
};

/** Arcs where stars of a swallowed galaxy turn round: Malin and Carter (1980), Nature 285, 643. */
function addShell(
  canvas: Canvas,
  { x, y }: { readonly x: number; readonly y: number },
  scale: number,
  colour: Spectrum,
  random: Random,
): void {
  const radius = scale * random.uniform(2, 3.5);
  const from = anyAngle(random);
  const turn = random.uniform(1, 2);
  addStream(canvas, {
    x: x + radius * Math.cos(from),
    y: y + radius * Math.sin(from),
    direction: from + Math.PI / 2,
    turn,
    length: radius * turn,
    width: [scale * 0.25, scale * 0.25],
    brightness: surfaceFlux(random.uniform(22.8, 23.6)),
    fade: random.uniform(0.5, 1),
    colour,
  });
}

/** How each class of Galaxy10 is drawn, in the order of `ans`. */
export const drawnClasses: readonly DrawGalaxy[] = [
  disturbed,
  merging,
  smooth(6, 20, [0.89, 1], [1, 4.2]),
  smooth(8, 20, [0.48, 0.68], [1, 3.8]),
  smooth(13, 25, [0.23, 0.34], [1, 2.5]),
  barredSpiral,
  tightSpiral,
  looseSpiral,
  edgeOnWithoutBulge,
  edgeOnWithBulge,
];
