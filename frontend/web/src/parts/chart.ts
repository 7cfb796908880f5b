/** A stock's prices over time, with the prices that its orders wait for as lines. */
import type { IChartApi, IPriceLine, ISeriesApi, UTCTimestamp } from "lightweight-charts";
import { effect, onEnd, signal } from "../kernel/signal";
import { h } from "../kernel/view";
import type { Point } from "../state/market";
import { theme } from "../state/theme";
import { dollars, sum } from "../words/money";

export interface Mark {
  side: "buy" | "sell";
  price: string;
  label: string;
}

export function priceChart(stock: () => string | undefined, points: () => readonly Point[], marks: () => readonly Mark[]): HTMLElement {
  const canvas = h("div", { class: "chart-canvas", "aria-hidden": "true" });
  const ready = signal<{ chart: IChartApi; series: ISeriesApi<"Area"> } | undefined>(undefined);
  let ended = false;
  // Fetched when it is first needed: signing in does not wait for it.
  void import("lightweight-charts").then(({ createChart, AreaSeries, LineStyle }) => {
    if (ended) return;
    const chart = createChart(canvas, {
      autoSize: true,
      handleScroll: { vertTouchDrag: false },
      // Its logo brings a style sheet of its own, which the page's security policy refuses: the
      // attribution stands below the chart instead.
      layout: { attributionLogo: false, fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 12 },
      // A label that the edge would cut is left out.
      rightPriceScale: { borderVisible: false, entireTextOnly: true, scaleMargins: { top: 0.15, bottom: 0.12 } },
      timeScale: { borderVisible: false, timeVisible: true, secondsVisible: true, rightOffset: 3, lockVisibleTimeRangeOnResize: true },
    });
    dotted = LineStyle.Dashed;
    ready.set({ chart, series: chart.addSeries(AreaSeries, { lineWidth: 2, priceLineVisible: true, priceLineStyle: LineStyle.Dotted }) });
  });
  let dotted = 2;
  onEnd(() => {
    ended = true;
    ready.peek()?.chart.remove();
  });

  effect(() => {
    const made = ready();
    theme();
    if (made) paint(made.chart, made.series);
  });

  let shown: string | undefined;
  effect(() => {
    const made = ready();
    const name = stock();
    const list = points();
    if (!made) return;
    made.series.setData(seconds(list));
    // A few points are spread over the whole picture; many may be looked at more closely.
    if ((shown !== name && list.length > 0) || list.length < FEW) {
      shown = name;
      // With room at the left, or the first time on the axis is cut in half.
      made.chart.timeScale().setVisibleLogicalRange({ from: -0.5 - list.length * 0.03, to: list.length + 2 });
    }
  });

  let lines: IPriceLine[] = [];
  effect(() => {
    const made = ready();
    theme();
    const list = marks();
    if (!made) return;
    lines.forEach((line) => made.series.removePriceLine(line));
    lines = list.map((mark) =>
      made.series.createPriceLine({ price: Number(mark.price), color: token(mark.side === "buy" ? "--buy" : "--sell"), lineWidth: 1, lineStyle: dotted, axisLabelVisible: true, title: mark.label }),
    );
    // A trigger just outside the prices seen is brought into the picture; one far away would press
    // the prices flat.
    const last = Number(points().at(-1)?.[1] ?? 0);
    const prices = list.map((mark) => Number(mark.price)).filter((price) => Math.abs(price - last) <= last * NEAR);
    made.series.applyOptions({
      autoscaleInfoProvider: (own: () => { priceRange: { minValue: number; maxValue: number } | null } | null) => {
        const info = own();
        if (!info?.priceRange || prices.length === 0) return info;
        return { ...info, priceRange: { minValue: Math.min(info.priceRange.minValue, ...prices), maxValue: Math.max(info.priceRange.maxValue, ...prices) } };
      },
    });
  });

  return h(
    "figure",
    { class: "chart" },
    canvas,
    h("figcaption", null, h("span", { class: "unseen" }, () => inWords(stock(), points())), "Charts by ", h("a", { href: "https://www.tradingview.com/", target: "_blank", rel: "noopener noreferrer" }, "TradingView Lightweight Charts™"), " © TradingView, Inc. ", h("a", { href: "/licenses.txt", target: "_blank" }, "Licences")),
  );
}

const FEW = 60;

/** Triggers within this part of the price are always in the picture. */
const NEAR = 0.25;

/** One point a second, in the local time that the axis shall show. */
function seconds(points: readonly Point[]): { time: UTCTimestamp; value: number }[] {
  const bySecond = new Map<number, number>();
  for (const [timeMs, price] of points) {
    const local = timeMs - new Date(timeMs).getTimezoneOffset() * 60_000;
    bySecond.set(Math.floor(local / 1_000), Number(price));
  }
  return [...bySecond].sort((a, b) => a[0] - b[0]).map(([time, value]) => ({ time: time as UTCTimestamp, value }));
}

function inWords(stock: string | undefined, points: readonly Point[]): string {
  if (!stock || points.length === 0) return "No prices to show.";
  const prices = points.map(([, price]) => sum(price));
  const low = prices.reduce((a, b) => (a < b ? a : b));
  const high = prices.reduce((a, b) => (a > b ? a : b));
  return `${stock}: ${points.length} prices, from ${dollars(low)} to ${dollars(high)}, the last ${dollars(prices.at(-1) ?? 0n)}. `;
}

const token = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function paint(chart: IChartApi, series: ISeriesApi<"Area">): void {
  const line = token("--buy");
  chart.applyOptions({
    layout: { background: { color: "transparent" }, textColor: token("--soft") },
    grid: { vertLines: { color: token("--faint") }, horzLines: { color: token("--faint") } },
    crosshair: { vertLine: { color: token("--base"), labelBackgroundColor: token("--label") }, horzLine: { color: token("--base"), labelBackgroundColor: token("--label") } },
  });
  series.applyOptions({ lineColor: line, topColor: `${line}38`, bottomColor: `${line}05`, priceLineColor: line });
}
