import { axis, colour, type Figure, houseLayout, mutedInk, palette, plain, shorten } from '../figure';

/** A picture on a map of an embedding. */
export interface MapPoint {
  readonly x: number;
  readonly y: number;
  readonly name: string;
  /** What it shows, by its labels. */
  readonly labels: string;
  /** What a model says of it. */
  readonly answer: string;
  readonly split: string;
  readonly isRight: boolean;
  readonly loss: number;
  /** A small picture as a data URI. */
  readonly thumbnail: string;
}

/** What the colours of a map stand for. */
export type MapColours = 'labels' | 'split' | 'outcome';

const width = 860;
const height = 680;
const margin = { t: 76, r: 24, b: 92, l: 24 };
/** In pixels, as are all sizes here. */
const thumbnailSide = 48;
const mostThumbnails = 30;

/**
 * A map of pictures: what a model sees as much the same is near. Wrong ones are ringed, and those with the highest loss have their picture beside them, as far
 * as there is room.
 */
export function embeddingMap(
  points: readonly MapPoint[],
  { by = 'labels', title = 'What the model sees as alike' }: { readonly by?: MapColours; readonly title?: string } = {},
): Figure {
  const groups = groupPoints(points, by);
  const range = { x: rangeOf(points.map(({ x }) => x)), y: rangeOf(points.map(({ y }) => y)) };
  const scale = {
    x: (width - margin.l - margin.r) / (range.x[1] - range.x[0]),
    y: (height - margin.t - margin.b) / (range.y[1] - range.y[0]),
  };
  const placed = placeThumbnails(points, scale, range);
  return {
    data: [...groups].map(([name, members], index) => ({
      type: 'scatter',
      mode: 'markers',
      name: plain(name),
      x: members.map(({ x }) => x),
      y: members.map(({ y }) => y),
      customdata: members.map(({ name: file, labels, answer, split, loss }) => [
        ...[shorten(file, 40), split, labels, answer].map(plain),
        loss,
      ]),
      marker: {
        color: colour(index),
        size: members.map(({ isRight }) => (isRight ? 6 : 10)),
        opacity: members.map(({ isRight }) => (isRight ? 0.55 : 1)),
        line: { color: '#000000', width: members.map(({ isRight }) => (isRight ? 0 : 1.5)) },
      },
      hovertemplate:
        '<b>%{customdata[0]}</b> (%{customdata[1]})<br>shows: %{customdata[2]}<br>model: %{customdata[3]}<br>loss %{customdata[4]:.2f}<extra></extra>',
    })),
    layout: houseLayout(title, width, height, {
      subtitle: 'UMAP of the activations before the head: near is alike, far says little. Ringed: wrong; pictured: the worst of them.',
      margin,
      xaxis: axis('', { visible: false, range: range.x, automargin: false }),
      yaxis: axis('', { visible: false, range: range.y, automargin: false }),
      images: placed.map(({ point, x, y }) => ({
        source: point.thumbnail,
        xref: 'x',
        yref: 'y',
        x,
        y,
        sizex: thumbnailSide / scale.x,
        sizey: thumbnailSide / scale.y,
        xanchor: 'center',
        yanchor: 'middle',
        sizing: 'contain',
      })),
      shapes: placed.map(({ point, x, y }) => ({
        type: 'line',
        layer: 'below',
        x0: point.x,
        y0: point.y,
        x1: x,
        y1: y,
        line: { color: mutedInk, width: 1 },
      })),
    }),
  };
}

/** Points by what they are coloured by, the most frequent first, for one colour each: the rarest together where colours run out. */
export function groupPoints(points: readonly MapPoint[], by: MapColours): Map<string, MapPoint[]> {
  const groups = new Map<string, MapPoint[]>();
  for (const point of points) {
    const name = by === 'outcome' ? (point.isRight ? 'right' : 'wrong') : point[by];
    const group = groups.get(name);
    if (group) group.push(point);
    else groups.set(name, [point]);
  }
  const ofSize = [...groups].sort(([, one], [, other]) => other.length - one.length);
  if (ofSize.length <= palette.length) return new Map(ofSize);
  // There are no more colours that all people tell apart.
  const others = ofSize.slice(palette.length - 1).flatMap(([, members]) => members);
  return new Map([...ofSize.slice(0, palette.length - 1), ['other', others]]);
}

/** With room at the edges for a picture. */
function rangeOf(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const air = 0.07 * (high - low || 1);
  return [low - air, high + air];
}

interface Placed {
  readonly point: MapPoint;
  /** Its picture's centre. */
  readonly x: number;
  readonly y: number;
}

interface Axes<Value> {
  readonly x: Value;
  readonly y: Value;
}

/** Puts pictures beside the worst points, where they cover neither each other nor leave the map; one without room, or shown already, is left out. */
function placeThumbnails(points: readonly MapPoint[], scale: Axes<number>, range: Axes<[number, number]>): Placed[] {
  const worst = points.filter(({ isRight }) => !isRight).sort((one, other) => other.loss - one.loss);
  const placed: Placed[] = [];
  for (const point of worst) {
    if (placed.length === mostThumbnails) break;
    if (placed.some((other) => other.point.thumbnail === point.thumbnail)) continue;
    const isFree = ({ x, y }: Axes<number>): boolean =>
      isInside(x, range.x, scale.x) &&
      isInside(y, range.y, scale.y) &&
      placed.every((other) => Math.max(Math.abs(other.x - x) * scale.x, Math.abs(other.y - y) * scale.y) > thumbnailSide + 4);
    const place = directions
      .map(([right, up]) => ({ x: point.x + (thumbnailSide * right) / scale.x, y: point.y + (thumbnailSide * up) / scale.y }))
      .find(isFree);
    if (place) placed.push({ point, ...place });
  }
  return placed;
}

function isInside(value: number, [low, high]: readonly [number, number], scale: number): boolean {
  return (value - low) * scale > thumbnailSide / 2 && (high - value) * scale > thumbnailSide / 2;
}

/** Where a picture is tried, in sides of it from its point: near first, then farther. */
const directions = [0.8, 1.4].flatMap((distance) =>
  Array.from({ length: 12 }, (_, index) => {
    const angle = (2 * Math.PI * (index + 1)) / 12;
    return [distance * Math.cos(angle), distance * Math.sin(angle)] as const;
  }),
);
