/** Formats of frozen weights, each with the number kernels know it by: its place in this list. */
export const weightFormats = ["bf16", "f16", "int8", "nf4", "q8_0", "q4_0", "q4_1", "q4_K", "q5_K", "q6_K"] as const;

/** How a frozen weight is held in memory. */
export type WeightFormat = (typeof weightFormats)[number];
