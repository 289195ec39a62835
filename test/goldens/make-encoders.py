"""Writes encoders/NAME/: tiny random encoders of every architecture with a tokenizer, and what Python makes of them.

    python test/goldens/make-encoders.py [FOLDER-OF-ALL-MINILM-L6-V2] && npx biome format --write test/goldens

Each directory is a checkpoint as `save_pretrained` writes it; roberta's has a language-model head, whose tensors have a
prefix, and distilbert's is in bf16. Beside it goldens.safetensors, computed in f32 by the eager implementation:

    tokens.N        ids of text N, i32 [L], special tokens included
    hidden.N.LAYER  its hidden states, [L, D]; layer 0 is the embeddings

similarity.json has 50 pairs of texts and what bert-score makes of them: [precision, recall, f1] of each, with each encoder
and, with the folder given, with MiniLM. Random encoders are scored pair by pair: bert-score counts a best similarity below 0
as 0 in pairs that it pads, and random encoders have such. Their weights are random: another run gives others.

bert-score 0.3 was written for transformers 4, and three things that version 5 does otherwise are put back: a model is
computed in f32 whatever its file is in, RoBERTa reads a text as if a space came before it, and an empty text has its special
tokens.

Run with bert-score 0.3.12, transformers 5.18 and torch 2.13.
"""

import json
import os
import pathlib
import sys
import tempfile

import bert_score
import bert_score.score
import bert_score.utils
import tokenizers
import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, AutoTokenizer, PreTrainedTokenizerFast

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
torch.set_num_threads(1)

HERE = pathlib.Path(__file__).parent
VERSIONS = {module.__name__: module.__version__ for module in (bert_score, transformers, tokenizers, torch)}

SHAPE = dict(vocab_size=400, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=40)
DISTIL = dict(vocab_size=400, dim=32, n_layers=3, n_heads=4, hidden_dim=40)
# model type, fields, class, dtype. Positions end where the longest pair is cut.
MODELS = {
    "bert": (dict(**SHAPE, max_position_embeddings=96), AutoModel, torch.float32),
    "roberta": (dict(**SHAPE, max_position_embeddings=98, type_vocab_size=1), AutoModelForMaskedLM, torch.float32),
    "distilbert": (dict(**DISTIL, max_position_embeddings=96), AutoModel, torch.bfloat16),
}
LAYER = 2

NAMES = ["Ana", "Boris", "Chidi", "Dora", "Emre", "Fatima", "Goran", "Hana", "Ivo", "Jun"]
THINGS = ["apples", "marbles", "tickets", "books", "coins", "stamps", "pencils", "cookies", "shells", "cards"]


def pairs():
    """Solutions and attempts at them: the same in other words, wrong, cut short, of another problem; and odd texts."""
    made = []
    for i in range(10):
        a, b, thing, name = 7 + 3 * i, 2 + i, THINGS[i], NAMES[i]
        gold = (
            f"{name} starts with {a} {thing}. After giving away {b}, {name} has {a} - {b} = {a - b} {thing}. "
            f"Doubling that gives {a - b} * 2 = {2 * (a - b)}."
        )
        made += [
            (f"{a} - {b} = {a - b}, and twice {a - b} is {2 * (a - b)}, so {name} has {2 * (a - b)} {thing}.", gold),
            (f"{name} has {a} + {b} = {a + b} {thing}, which doubled is {2 * (a + b)}.", gold),
            (gold[: 40 + 5 * i], gold),
            (f"The area of a circle of radius {b} is $\\pi \\cdot {b}^2 = {b * b}\\pi$.", gold),
        ]
    gold = made[0][1]
    return made + [
        (gold, gold),
        (gold.upper() + "!!", gold),
        ("", gold),
        ("  \n", gold),
        (gold, ""),
        ("yes", "no"),
        ("wrong [SEP] text </s> with special tokens [CLS] [PAD] <pad> inside", gold),
        ("Élan naïve café — déjà vu 漢字 😀 ½ x² ≤ ∑", "elan naive cafe deja vu, 漢字; x^2 <= sum"),
        (" ".join(reference for _, reference in made), gold),
        ("3 4 5 " * 200, "5 4 3 " * 300),
    ]


PAIRS = pairs()
assert len(PAIRS) == 50
CORPUS = [text for pair in PAIRS for text in pair]


def word_pieces(directory):
    raw = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    raw.normalizer = normalizers.BertNormalizer(lowercase=True)
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    raw.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    raw.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=400, special_tokens=special, show_progress=False))
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    roles = dict(pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]")
    PreTrainedTokenizerFast(tokenizer_object=raw, model_max_length=96, **roles).save_pretrained(directory)


def byte_pairs(directory):
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    raw.train_from_iterator(CORPUS, trainer)
    raw.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    roles = dict(
        bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>", pad_token="<pad>", unk_token="<unk>",
        mask_token="<mask>",
    )
    PreTrainedTokenizerFast(tokenizer_object=raw, model_max_length=96, **roles).save_pretrained(directory)


def encode(tokenizer, text):
    """bert-score's `sent_encode` with transformers 4."""
    text = text.strip()
    if text and tokenizer.cls_token == "<s>":
        text = " " + text
    return tokenizer.encode(text, add_special_tokens=True, max_length=tokenizer.model_max_length, truncation=True)


class WideModel:
    """AutoModel as transformers 4 loads it."""

    @staticmethod
    def from_pretrained(directory):
        return AutoModel.from_pretrained(directory, dtype=torch.float32)


bert_score.utils.sent_encode = encode
bert_score.utils.AutoModel = WideModel


def random_model(name, directory):
    fields, kind, dtype = MODELS[name]
    torch.manual_seed(1)
    model = kind.from_config(AutoConfig.for_model(name, **fields))
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            noise = torch.randn_like(parameter)
            if parameter_name.endswith("bias"):
                parameter.copy_(0.3 * noise)
            elif parameter.dim() == 1:
                parameter.copy_(1 + 0.3 * noise)
            elif "embeddings" in parameter_name:
                parameter.copy_(0.5 * noise)
            else:
                parameter.copy_(1.3 * noise / parameter.shape[-1] ** 0.5)
    model.to(dtype).save_pretrained(directory)
    return AutoModel.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()


def score(model, layer, batch_size, **options):
    candidates, references = zip(*PAIRS)
    scores = bert_score.score(
        list(candidates), list(references), model_type=str(model), num_layers=layer, nthreads=0, batch_size=batch_size,
        device="cpu", **options,
    )
    return [[round(value, 7) for value in row] for row in torch.stack(scores, dim=-1).tolist()]


def plain_scores(model, layer, batch_size):
    return {
        "layer": layer,
        "plain": score(model, layer, batch_size),
        "idf": score(model, layer, batch_size, idf=True),
    }


def all_scores(model, layer, batch_size):
    baseline = {"P": 0.3, "R": 0.2, "F": 0.25}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "baseline.tsv")
        rows = [f"{n},{baseline['P']},{baseline['R']},{baseline['F']}" for n in range(layer + 1)]
        pathlib.Path(path).write_text("\n".join(["LAYER,P,R,F", *rows]) + "\n")
        rescaled = score(model, layer, batch_size, rescale_with_baseline=True, lang="en", baseline_path=path)
    return {**plain_scores(model, layer, batch_size), "baseline": list(baseline.values()), "rescaled": rescaled}


def main():
    golden = {"versions": VERSIONS, "pairs": PAIRS, "encoders": {}}
    for name in MODELS:
        directory = HERE / "encoders" / name
        directory.mkdir(parents=True, exist_ok=True)
        (byte_pairs if name == "roberta" else word_pieces)(directory)
        model = random_model(name, directory)
        tokenizer = AutoTokenizer.from_pretrained(directory)
        tensors = {}
        # One of them cut, one with padding tokens inside.
        for n, text in enumerate([PAIRS[0][0], PAIRS[46][0], PAIRS[48][0], ""]):
            ids = encode(tokenizer, text)
            tensors[f"tokens.{n}"] = torch.tensor(ids, dtype=torch.int32)
            with torch.no_grad():
                tokens = torch.tensor([ids])
                states = model(tokens, attention_mask=torch.ones_like(tokens), output_hidden_states=True).hidden_states
            for layer, state in enumerate(states):
                tensors[f"hidden.{n}.{layer}"] = state[0].contiguous()
        save_file(tensors, directory / "goldens.safetensors", metadata=VERSIONS)
        golden["encoders"][name] = all_scores(directory, LAYER, batch_size=1)
    if len(sys.argv) > 1:
        golden["encoders"]["all-minilm-l6-v2"] = plain_scores(pathlib.Path(sys.argv[1]), 6, batch_size=4)
    (HERE / "similarity.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")


main()
