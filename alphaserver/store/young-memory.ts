/**
 * What a thread beside the main one may fill with new objects before it looks which are still needed, as a Worker's
 * resourceLimits. Half of V8's own: three threads would each keep dozens of MiB more that nobody uses, and stop for longer.
 */
export const YOUNG_MEMORY = { maxYoungGenerationSizeMb: 24 } as const;
