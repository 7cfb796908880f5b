// Before the first paint, so that nobody who chose dark is shown a flash of light.
try {
  const theme = localStorage.getItem("daytrade.theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // A browser that keeps nothing follows the system.
}
