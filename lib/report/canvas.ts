/** A canvas element's size, and what was painted on it. */
interface Canvas {
  width: number;
  height: number;
  painted?: string[];
}

/**
 * Makes jsdom's canvas, which cannot paint, keep rectangles and hand them out as an SVG: Plotly paints heat maps as rectangles
 * on a canvas, and needs no more of it.
 */
export function replaceCanvas(prototype: object): void {
  Object.assign(prototype, {
    getContext(this: Canvas): object {
      const painted: string[] = [];
      this.painted = painted;
      return {
        fillStyle: '#000000',
        fillRect(this: { fillStyle: string }, x: number, y: number, width: number, height: number): void {
          painted.push(`<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${this.fillStyle}"/>`);
        },
      };
    },
    toDataURL(this: Canvas): string {
      const size = `width="${this.width}" height="${this.height}"`;
      const svg = `<svg xmlns="http://www.w3.org/2000/svg" ${size} shape-rendering="crispEdges">${(this.painted ?? []).join('')}</svg>`;
      return `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
    },
  });
}
