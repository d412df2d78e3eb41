/**
 * Begins the page once its frame is on the screen. Until then nothing of it runs, not even its modules' constants: on a machine of
 * few cores that would take the processor from whoever draws the frame, and the answers are on their way already.
 */
import { firstPaint } from './first-paint.js';

await firstPaint();
await import('./page.js');
