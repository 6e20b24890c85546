import { colour } from './figure';
import { groupPoints, type MapPoint } from './figures/embeddingMap';
import { html } from './html';

const width = 860;
const height = 560;

/**
 * The map of `embeddingMap`, by labels and in the same colours, on which a point shows its picture when it is pointed at: a piece of HTML without script. A figure
 * cannot do that, since Plotly's hover labels hold text alone.
 */
export function pictureMap(points: readonly MapPoint[]): string {
  const shades = new Map(
    [...groupPoints(points, 'labels').values()].flatMap((members, index) => members.map((point) => [point, colour(index)])),
  );
  const x = placer(points.map((point) => point.x));
  const y = placer(points.map((point) => -point.y));
  return html`<style>
.picture-map { position: relative; width: ${width}px; height: ${height}px; font: 12px sans-serif; color: #24292f; background: #fff }
.picture-map .point { position: absolute; width: 8px; height: 8px; border-radius: 50%; opacity: .6 }
.picture-map .point.wrong { width: 9px; height: 9px; border: 2px solid #000; opacity: 1 }
.picture-map .card { display: none; position: absolute; left: 12px; top: 8px; width: 168px; padding: 6px; background: #fff; border: 1px solid #8c959f; pointer-events: none }
.picture-map .point.right .card { left: auto; right: 12px }
.picture-map .point.low .card { top: auto; bottom: 8px }
.picture-map .point:hover { opacity: 1; z-index: 1 }
.picture-map .point:hover .card { display: block }
.picture-map img { display: block; width: 112px; margin: 0 auto 4px }
</style>
<div class="picture-map">${points.map((point) => {
    const [left, top] = [x(point.x), y(-point.y)];
    const kinds = ['point', ...(point.isRight ? [] : ['wrong']), ...(left > 0.5 ? ['right'] : []), ...(top > 0.5 ? ['low'] : [])];
    const style = `left:${percent(left)};top:${percent(top)};background:${shades.get(point)}`;
    return html`
<div class="${kinds.join(' ')}" style="${style}"><div class="card"><img src="${point.thumbnail}" alt=""><b>${point.labels}</b><br>model: ${point.answer}<br>${point.split}, loss ${point.loss.toFixed(2)}</div></div>`;
  })}
</div>`.text;
}

/** A number's share of the way from the lowest to the highest. */
function placer(values: readonly number[]): (value: number) => number {
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  return (value) => (value - low) / span;
}

function percent(share: number): string {
  return `${(1 + 97 * share).toFixed(1)}%`;
}
