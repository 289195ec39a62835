import { type EncoderArchitecture, encoderPlaces } from "./architecture.ts";
import { bertNames, readBert } from "./bert.ts";

/** RoBERTa, DistilRoBERTa: positions are counted from the one after the padding token's id. */
export const roberta: EncoderArchitecture = {
  modelType: "roberta",
  readConfig(fields) {
    const paddingId = fields.count("pad_token_id", { least: 0, otherwise: 1 });
    const config = { ...readBert(fields), firstPosition: paddingId + 1, paddingId };
    if (config.positions <= config.firstPosition)
      fields.refuse(
        "max_position_embeddings",
        `expected more than pad_token_id + 1, ${config.firstPosition}, got ${config.positions}`,
      );
    return config;
  },
  places: (name) => encoderPlaces(name, bertNames("roberta")),
  spaceFirst: true,
};
