/** How the numbers of one matrix [outer, inner] lie in bytes. */
export interface MatrixCodec {
  /** Elements along the inner axis that share a scale, or are one piece of storage. */
  readonly blockLength: number;
  /** Whether the inner axis must be made of whole blocks. */
  readonly wholeBlocks: boolean;
  /** Bytes of a matrix. */
  bytesOf(outer: number, inner: number): number;
  /** Writes outer·inner values, row by row, computed in f32. */
  decode(bytes: Uint8Array, outer: number, inner: number, to: Float32Array): void;
  /** The nearest the format has to outer·inner values, into `bytesOf` bytes that are zero; absent where files bring the bytes. */
  encode?(values: Float32Array, outer: number, inner: number, to: Uint8Array): void;
}
