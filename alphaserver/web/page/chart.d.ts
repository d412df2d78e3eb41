/** What the server serves as `chart.js`: the chart package, minified. */
export { default } from '../../../node_modules/uplot/dist/uPlot.d.ts';
