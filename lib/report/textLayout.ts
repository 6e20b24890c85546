import type { TextMeasure } from './fonts';

/** The part of a jsdom window that text sizes are patched into. */
export interface TextWindow {
  readonly Element: { readonly prototype: object };
  readonly SVGElement: { readonly prototype: object };
}

/** What is read of an element; structural, because lib is compiled without the browser's types. */
interface SvgNode {
  readonly nodeName: string;
  readonly textContent: string | null;
  readonly parentNode: SvgNode | null;
  readonly children?: ArrayLike<SvgNode>;
  readonly style?: { readonly fontSize: string; readonly fontWeight: string; readonly textAnchor: string };
  getAttribute?(name: string): string | null;
  querySelectorAll(selector: string): ArrayLike<SvgNode>;
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** x' = a x + c y + e, y' = b x + d y + f, as in SVG's `matrix`. */
type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

const nothing: Box = { x: 0, y: 0, width: 0, height: 0 };
/** Plotly's own line height, and the share of the font size above the base line, both in em. */
const lineHeight = 1.3;
const ascent = 1;

/**
 * Gives a jsdom window the sizes that Plotly lays figures out by: text and rectangles, with their transforms. jsdom says that
 * everything is 0 wide.
 */
export function measureTextIn(window: TextWindow, measure: TextMeasure): void {
  const asRectangle = ({ x, y, width, height }: Box): object => ({
    x,
    y,
    width,
    height,
    left: x,
    top: y,
    right: x + width,
    bottom: y + height,
  });
  Object.assign(window.Element.prototype, {
    getBoundingClientRect(this: SvgNode): object {
      let box = boxOf(this, measure);
      for (let node: SvgNode | null = this; node; node = node.parentNode) box = transform(box, node);
      return asRectangle(box);
    },
  });
  Object.assign(window.SVGElement.prototype, {
    getBBox(this: SvgNode): object {
      return asRectangle(boxOf(this, measure));
    },
  });
}

/** In the element's own coordinates. */
function boxOf(node: SvgNode, measure: TextMeasure): Box {
  if (node.nodeName === 'text' || node.nodeName === 'tspan') return textBox(node, measure);
  if (node.nodeName === 'rect')
    return { x: number(node, 'x'), y: number(node, 'y'), width: number(node, 'width'), height: number(node, 'height') };
  return Array.from(node.children ?? []).reduce((box, child) => union(box, transform(boxOf(child, measure), child)), nothing);
}

function textBox(node: SvgNode, measure: TextMeasure): Box {
  const size = Number.parseFloat(inherited(node, 'font-size', 'fontSize') ?? '12');
  const lines = Array.from(node.querySelectorAll('tspan.line'));
  const rows = lines.length > 0 ? lines : [node];
  const width = Math.max(...rows.map((row) => lineWidth(row, size, measure)));
  const anchor = inherited(node, 'text-anchor', 'textAnchor');
  const shift = anchor === 'middle' ? width / 2 : anchor === 'end' ? width : 0;
  return { x: number(node, 'x') - shift, y: number(node, 'y') - ascent * size, width, height: rows.length * lineHeight * size };
}

/** A line with bold runs (Plotly's `<b>`, tspans of their own) counts as bold: a little too wide does no harm. */
function lineWidth(row: SvgNode, size: number, measure: TextMeasure): number {
  const bold = isBold(row) || Array.from(row.querySelectorAll('tspan')).some(isBold);
  return measure.width(row.textContent ?? '', size, bold);
}

function isBold(node: SvgNode): boolean {
  return /bold|[6-9]00/.test(inherited(node, 'font-weight', 'fontWeight') ?? '');
}

function inherited(node: SvgNode, attribute: string, property: 'fontSize' | 'fontWeight' | 'textAnchor'): string | undefined {
  for (let current: SvgNode | null = node; current; current = current.parentNode) {
    const value = current.style?.[property] || current.getAttribute?.(attribute);
    if (value) return value;
  }
  return undefined;
}

function number(node: SvgNode, attribute: string): number {
  return Number.parseFloat(node.getAttribute?.(attribute) ?? '') || 0;
}

/** The box in the parent's coordinates: the upright box around the transformed one. */
function transform(box: Box, node: SvgNode): Box {
  const attribute = node.getAttribute?.('transform');
  if (!attribute || (box.width === 0 && box.height === 0)) return box;
  return matricesOf(attribute).reduceRight(applyMatrix, box);
}

function matricesOf(attribute: string): Matrix[] {
  return Array.from(attribute.matchAll(/(\w+)\(([^)]*)\)/g), ([, kind, list]) => {
    const [first = 0, second, third = 0, ...rest] = (list ?? '')
      .split(/[\s,]+/)
      .filter(Boolean)
      .map(Number);
    if (kind === 'translate') return [1, 0, 0, 1, first, second ?? 0];
    if (kind === 'scale') return [first, 0, 0, second ?? first, 0, 0];
    if (kind === 'rotate') return rotation((first * Math.PI) / 180, second ?? 0, third);
    if (kind === 'matrix') return [first, second ?? 0, third, rest[0] ?? 1, rest[1] ?? 0, rest[2] ?? 0];
    return [1, 0, 0, 1, 0, 0];
  });
}

function rotation(angle: number, x: number, y: number): Matrix {
  const [sin, cos] = [Math.sin(angle), Math.cos(angle)];
  return [cos, sin, -sin, cos, x - cos * x + sin * y, y - sin * x - cos * y];
}

function applyMatrix(box: Box, [a, b, c, d, e, f]: Matrix): Box {
  const corners = [box.x, box.x + box.width].flatMap((x) =>
    [box.y, box.y + box.height].map((y) => [a * x + c * y + e, b * x + d * y + f] as const),
  );
  const xs = corners.map(([x]) => x);
  const ys = corners.map(([, y]) => y);
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  return { x: left, y: top, width: Math.max(...xs) - left, height: Math.max(...ys) - top };
}

function union(a: Box, b: Box): Box {
  if (a.width === 0 && a.height === 0) return b;
  if (b.width === 0 && b.height === 0) return a;
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  return { x, y, width: Math.max(a.x + a.width, b.x + b.width) - x, height: Math.max(a.y + a.height, b.y + b.height) - y };
}
