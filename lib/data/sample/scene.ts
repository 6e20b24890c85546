import type { Random } from '../../random';
import type { Drawing } from './artwork';
import { css, hsl } from './colours';

/** A picture's size in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Where a thing lies: its centre, and its height and width in pixels. */
interface Spot {
  readonly x: number;
  readonly y: number;
  readonly size: number;
}

/**
 * An SVG of one to four things on a transparent ground, maybe on a plate, a board or a napkin, with a shadow and uneven light. Only
 * the drawings depend on the class; all else comes from `random` in the same way for every class.
 */
export function drawScene(drawings: readonly Drawing[], size: Size, random: Random): string {
  const spots = arrange(drawings.length, size, random);
  const things = drawings.map((drawing, number) => drawThing(drawing, `thing${number}-`, spots[number] as Spot, random));
  const { width, height } = size;
  return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${width}" height="${height}">
    ${drawUnderlay(size, random)}${shadow(random)}<g filter="url(#shadow)">${things.join('')}</g>${light(random)}
  </svg>`;
}

function drawUnderlay({ width, height }: Size, random: Random): string {
  const draw = random.pick([() => '', () => '', () => '', drawPlate, drawPlate, drawBoard, drawNapkin]);
  const side = Math.min(width, height) * random.uniform(0.75, 1.1);
  const place = `translate(${width * random.uniform(0.44, 0.56)} ${height * random.uniform(0.44, 0.56)}) rotate(${random.uniform(0, 360)}) scale(${side})`;
  return `<g transform="${place}">${draw(random)}</g>`;
}

/** Each is drawn around the origin, one unit wide. */
function drawPlate(random: Random): string {
  const hue = random.uniform(0, 360);
  const pale = random.chance(0.6);
  const saturation = pale ? random.uniform(0, 0.15) : random.uniform(0.2, 0.6);
  const lightness = pale ? random.uniform(0.8, 0.95) : random.uniform(0.2, 0.65);
  const ring = (radius: number, shade: number): string =>
    `<circle r="${radius}" fill="${css(hsl(hue, saturation, Math.max(0, lightness + shade)))}"/>`;
  const under = '<circle cx=".012" cy=".018" r=".505" fill="black" opacity=".3"/>';
  const well = random.uniform(0.32, 0.42);
  return under + ring(0.5, -0.06) + ring(0.49, 0) + ring(well, -0.09) + ring(well - 0.012, -0.02);
}

function drawBoard(random: Random): string {
  const hue = random.uniform(18, 40);
  const lightness = random.uniform(0.3, 0.72);
  const tall = random.uniform(0.6, 0.95);
  const board = (fill: string, rest: string): string =>
    `<rect x="-.5" y="${-tall / 2}" width="1" height="${tall}" rx=".05" fill="${fill}" ${rest}/>`;
  const grain = Array.from({ length: 14 }, () => {
    const y = random.uniform(-tall / 2, tall / 2);
    return `<rect x="-.5" y="${y}" width="1" height="${random.uniform(0.004, 0.02)}" fill="black" opacity="${random.uniform(0.04, 0.12)}"/>`;
  });
  return board('black', 'opacity=".3" transform="translate(.012 .018)"') + board(css(hsl(hue, 0.5, lightness)), '') + grain.join('');
}

function drawNapkin(random: Random): string {
  const fill = css(hsl(random.uniform(0, 360), random.uniform(0.1, 0.7), random.uniform(0.35, 0.85)));
  const square = (half: number, rest: string): string =>
    `<rect x="${-half}" y="${-half}" width="${half * 2}" height="${half * 2}" ${rest}/>`;
  const hem = square(0.45, 'fill="none" stroke="white" stroke-opacity=".5" stroke-width=".015"');
  return square(0.5, 'fill="black" opacity=".25" transform="translate(.01 .014)"') + square(0.5, `fill="${fill}"`) + hem;
}

/** One thing around the middle, now and then cut by the frame; several around it, so that they overlap little. */
function arrange(count: number, { width, height }: Size, random: Random): Spot[] {
  const short = Math.min(width, height);
  if (count === 1) {
    const size = short * random.uniform(0.58, 0.95);
    const reach = random.chance(0.15) ? 0.25 : 0.05; // how far out of the frame, as a part of the thing
    const along = (length: number): number => length / 2 + random.uniform(-1, 1) * Math.max(0, (length - size) / 2 + reach * size);
    return [{ x: along(width), y: along(height), size }];
  }
  const start = random.uniform(0, 2 * Math.PI);
  const radius = count === 2 ? 0.22 : 0.27;
  return Array.from({ length: count }, (_, number) => {
    const angle = start + ((number + random.uniform(-0.15, 0.15)) / count) * 2 * Math.PI;
    const size = short * random.uniform(0.42, count === 2 ? 0.6 : 0.52);
    return { x: width * (0.5 + radius * Math.cos(angle)), y: height * (0.5 + radius * Math.sin(angle)), size };
  });
}

function drawThing({ body, width, height }: Drawing, idPrefix: string, { x, y, size }: Spot, random: Random): string {
  const angle = random.chance(0.2) ? random.uniform(-180, 180) : random.normal() * 18;
  const scale = size / Math.max(width, height);
  const mirror = random.chance(0.5) ? -1 : 1;
  const squeeze = random.uniform(0.85, 1);
  const place = `translate(${x} ${y}) rotate(${angle}) skewX(${random.uniform(-8, 8)}) scale(${scale * mirror * squeeze} ${scale})`;
  return `<g transform="${place} translate(${-width / 2} ${-height / 2})">${withOwnIds(body, idPrefix)}</g>`;
}

/** Two drawings may use one id for different gradients: each gets ids of its own. */
function withOwnIds(body: string, prefix: string): string {
  return body.replace(/(\bid="|url\(#|href="#)/g, `$1${prefix}`);
}

/** What feDropShadow draws, in steps: librsvg does these in half the time. */
function shadow(random: Random): string {
  return `<filter id="shadow" x="0" y="0" width="100%" height="100%" filterUnits="userSpaceOnUse" color-interpolation-filters="sRGB">
    <feOffset in="SourceAlpha" dx="${random.uniform(-8, 8)}" dy="${random.uniform(1, 9)}"/>
    <feGaussianBlur stdDeviation="${random.uniform(1.5, 6)}"/>
    <feComponentTransfer><feFuncA type="linear" slope="${random.uniform(0.3, 0.65)}"/></feComponentTransfer>
    <feMerge><feMergeNode/><feMergeNode in="SourceGraphic"/></feMerge></filter>`;
}

/** Brighter on one side, darker on the other; or darker towards the corners. */
function light(random: Random): string {
  const side = `gradientTransform="rotate(${random.uniform(0, 360)} .5 .5)"`;
  const stop = (offset: number, colour: string, opacity: number): string =>
    `<stop offset="${offset}" stop-color="${colour}" stop-opacity="${opacity}"/>`;
  const ramp = random.chance(0.6)
    ? `<linearGradient id="light" ${side}>${stop(0, '#fff8e8', random.uniform(0, 0.35))}${stop(0.5, 'black', 0)}${stop(1, 'black', random.uniform(0, 0.45))}</linearGradient>`
    : `<radialGradient id="light" cx="${random.uniform(0.2, 0.8)}" cy="${random.uniform(0.2, 0.8)}" r=".9">${stop(0, '#fff8e8', random.uniform(0, 0.25))}${stop(0.4, 'black', 0)}${stop(1, 'black', random.uniform(0.1, 0.55))}</radialGradient>`;
  return `${ramp}<rect width="100%" height="100%" fill="url(#light)"/>`;
}
