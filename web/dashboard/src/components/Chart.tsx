import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import { type Unit, marks } from '../format';
import type { Theme } from '../theme';
import type { WidgetPlan } from '../widgets';
import type { Columns } from './Widget';

const HEIGHT = 200;
const LEAST_ZOOM_PIXELS = 8;
/** Of the last time below the chart, which may be at its very end. */
const HALF_A_TIME = 30;

interface Props {
  plan: WidgetPlan;
  columns: Columns;
  theme: Theme;
  onCursor: (index: number | null) => void;
  onZoom: (from: number, to: number) => void;
}

/** The colour that a custom property comes to in the present theme. */
function colourOf(element: HTMLElement, property: string): string {
  element.style.color = `var(${property})`;
  const colour = getComputedStyle(element).color;
  element.style.color = '';
  return colour;
}

/** Points that no line reaches, because there is nothing on either side: they are drawn as dots. */
function alone(chart: uPlot, series: number): number[] | null {
  const values = chart.data[series]!;
  const found = [];
  for (let index = 0; index < values.length; index += 1)
    if (values[index] != null && values[index - 1] == null && values[index + 1] == null) found.push(index);
  return found.length > 0 ? found : null;
}

const dataOf = ({ starts, values }: Columns): uPlot.AlignedData => [starts.map((each) => each / 1000), ...values];

function axisOf(unit: Unit, scale: string, right: boolean, ink: string, grid: string): uPlot.Axis {
  return {
    scale,
    side: right ? 1 : 3,
    stroke: ink,
    size: 58,
    font: '11px system-ui, sans-serif',
    grid: { show: !right, stroke: grid, width: 1 },
    ticks: { show: false },
    values: (_, splits) => marks(splits, unit),
  };
}

function optionsOf(element: HTMLElement, { plan, onCursor, onZoom }: Pick<Props, 'plan' | 'onCursor' | 'onZoom'>): uPlot.Options {
  const ink = colourOf(element, '--quiet');
  const grid = colourOf(element, '--grid');
  const left = plan.lines.find((line) => !line.right)!;
  const right = plan.lines.find((line) => line.right);
  const fromZero: uPlot.Scale = { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    padding: [8, right ? 0 : HALF_A_TIME, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'dashboard' }, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
    scales: { x: { time: true }, y: fromZero, right: fromZero },
    axes: [
      { stroke: ink, size: 40, space: 56, font: '11px system-ui, sans-serif', grid: { show: false }, ticks: { stroke: grid, size: 4 }, values: TIMES },
      axisOf(left.unit, 'y', false, ink, grid),
      ...(right ? [axisOf(right.unit, 'right', true, ink, grid)] : []),
    ],
    series: [
      {},
      ...plan.lines.map((line) => ({
        label: line.label,
        scale: line.right ? 'right' : 'y',
        stroke: colourOf(element, line.colour),
        width: 1.6,
        ...(line.dash ? { dash: line.dash } : {}),
        points: { show: false, size: 4, filter: alone },
      })),
    ],
    hooks: {
      setCursor: [(chart) => onCursor(chart.cursor.idx ?? null)],
      setSelect: [
        (chart) => {
          const { left: start, width } = chart.select;
          if (width < LEAST_ZOOM_PIXELS) return;
          chart.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          onZoom(chart.posToVal(start, 'x') * 1000, chart.posToVal(start + width, 'x') * 1000);
        },
      ],
    },
  };
}

// From which distance of marks on (s), how they are written, and how where another day or year begins.
const TIMES: uPlot.Axis.Values = [
  [86_400, '{D} {MMM}', null, null, null, null, null, null, 1],
  [60, '{HH}:{mm}', '\n{D} {MMM}', null, '\n{D} {MMM}', null, null, null, 1],
  [1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 1],
];

export function Chart({ plan, columns, theme, onCursor, onZoom }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(null);
  const calls = useRef({ onCursor, onZoom });
  calls.current = { onCursor, onZoom };
  const first = useRef(columns);
  first.current = columns;

  // A chart has its colours for life: another theme, another chart.
  useEffect(() => {
    const element = host.current!;
    const options = optionsOf(element, { plan, onCursor: (index) => calls.current.onCursor(index), onZoom: (from, to) => calls.current.onZoom(from, to) });
    const made = new uPlot(options, dataOf(first.current), element);
    chart.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      chart.current = null;
      calls.current.onCursor(null);
    };
  }, [plan, theme]);

  useEffect(() => chart.current?.setData(dataOf(columns)), [columns]);
  return <div ref={host} className="chart" role="img" aria-label={`Chart of ${plan.title}; the values are in the table below`} />;
}
