/** Small pictures, drawn here so that nothing is fetched. All are decoration: words stand beside. */
import { s } from "../kernel/view";

const PATHS = {
  trade: "M3 17l5-6 4 3 8-9M15 5h5v5",
  orders: "M4 6h10M4 12h16M4 18h7M17 3v6M14 6h6M13 15v6",
  history: "M12 7v5l3 2M3.5 12a8.5 8.5 0 1 0 2.6-6.1L3.5 8.3M3.5 3.8v4.5H8",
  audit: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.3 15.3L20.5 20.5",
  operations: "M3 12h4l3-8 4 16 3-8h4",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2.5v2M12 19.5v2M4.6 4.6l1.4 1.4M18 18l1.4 1.4M2.5 12h2M19.5 12h2M4.6 19.4L6 18M18 6l1.4-1.4",
  moon: "M20 14.5A8.2 8.2 0 0 1 9.5 4a8.2 8.2 0 1 0 10.5 10.5z",
  help: "M9.2 9.3a2.8 2.8 0 1 1 4.2 2.5c-.9.5-1.4 1.1-1.4 2.2M12 17.3v.1M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5c1-4 4-5.5 7.5-5.5s6.5 1.5 7.5 5.5",
  close: "M6 6l12 12M18 6L6 18",
  plus: "M12 5v14M5 12h14",
  refresh: "M20 11a8 8 0 1 0-.6 4M20 5v6h-6",
  check: "M5 12.5l4.5 4.5L19 7.5",
  info: "M12 11v6M12 7.5v.1M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z",
  alert: "M12 8.5v5M12 16.8v.1M10.3 4.2L2.8 17.5A2 2 0 0 0 4.5 20.5h15a2 2 0 0 0 1.7-3L13.7 4.2a2 2 0 0 0-3.4 0z",
  download: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14",
  filter: "M4 7h16M7.5 12h9M10.5 17h3",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.3 15.3L20.5 20.5",
} as const;

export type IconName = keyof typeof PATHS;

export function icon(name: IconName, size = 18): SVGElement {
  return s(
    "svg",
    { class: "icon", viewBox: "0 0 24 24", width: size, height: size, "aria-hidden": "true", focusable: "false" },
    s("path", { d: PATHS[name] }),
  );
}
